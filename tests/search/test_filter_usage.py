"""Which filters are used is counted, within bounds, and turned into advice."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.advice import Advice, AdviceCode
from embedhub.collections.details import describe_collection
from embedhub.collections.service import (
    CollectionChanges,
    delete_collection,
    update_collection,
)
from embedhub.config import override_config
from embedhub.search import filter_advice
from embedhub.search.filter_advice import Frequent, advice_on, frequent_uses
from embedhub.search.filter_kinds import FilterKind, used_kinds
from embedhub.search.observed import Observer, observer
from embedhub.search.queries.filter_usage import UsedField
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from tests.factories import make_collection, send_texts

pytestmark = pytest.mark.usefixtures("sent_jobs")

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    observer.flush()
    yield
    override_config(max_usage_fields=200, advice_filters_per_hour=100, filter_usage_days=7)
    observer.flush()


def ask(caller: Caller, raw: dict[str, Any], *, times: int = 1, slug: str = "papers") -> None:
    for _ in range(times):
        search(caller, slug, SearchRequest(query="fish", mode=Mode.LEXICAL, filter=raw))


def uses() -> dict[tuple[str, str], int]:
    with db.reading() as session:
        rows = session.execute(
            text("SELECT field, kind, sum(n_searches) FROM filter_usage GROUP BY field, kind")
        )
        return {(row[0], row[1]): row[2] for row in rows}


def advice(caller: Caller, slug: str = "papers") -> list[Advice]:
    return describe_collection(caller, slug).advice


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, set()),
        ({"lang": "en"}, {("lang", "equality")}),
        ({"lang": {"$in": ["en", None]}}, {("lang", "equality")}),
        ({"lang": None}, {("lang", "presence")}),
        ({"lang": {"$exists": False}}, {("lang", "presence")}),
        ({"year": {"$gte": 1, "$lt": 5.5}}, {("year", "number_range")}),
        ({"day": {"$gt": "2020-01-31"}}, {("day", "date_range")}),
        ({"name": {"$gt": "m"}}, {("name", "text_range")}),
        ({"name": {"$contains": "ab"}}, {("name", "substring")}),
        ({"sizes": {"$contains": 4}}, {("sizes", "equality")}),
        ({"a": {"$ne": 1}, "b": {"$nin": [2]}}, {("a", "negation"), ("b", "negation")}),
        ({"a": {"$not": {"$gt": 1}}}, {("a", "negation")}),
        (
            {"$or": [{"a": 1}, {"$and": [{"b": {"$lt": 2}}, {"$not": {"c": {"$lt": 2}}}]}]},
            {("a", "equality"), ("b", "number_range"), ("c", "negation")},
        ),
        ({"a": {"$eq": 1, "$gt": 0}}, {("a", "equality"), ("a", "number_range")}),
    ],
)
def test_the_ways_a_filter_uses_its_fields(raw: Any, expected: set[tuple[str, str]]) -> None:
    assert {(field, kind.value) for field, kind in used_kinds(raw)} == expected


def test_searches_are_counted_once_a_field_and_way(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["fish"])
    ask(caller, {"year": {"$gte": 2000, "$lt": 2010}, "lang": "en"}, times=3)
    ask(caller, {"year": {"$gte": 2000}})
    assert uses() == {}
    observer.flush()
    assert uses() == {("year", "number_range"): 4, ("lang", "equality"): 3}
    ask(caller, {"lang": "en"})
    observer.flush()
    assert uses()["lang", "equality"] == 4
    with db.reading() as session:
        hours = session.execute(text("SELECT DISTINCT hour FROM filter_usage")).scalars().all()
        took = session.execute(text("SELECT min(took_ms) FROM filter_usage")).scalar()
    assert all(hour.minute == hour.second == 0 for hour in hours)
    assert took is not None
    assert took > 0


def test_a_refused_search_counts_nothing(caller: Caller) -> None:
    make_collection(caller, filterable={"year": "number"})
    with pytest.raises(Exception, match="number"):
        ask(caller, {"year": {"$gte": "x"}})
    observer.flush()
    assert uses() == {}


def test_the_flush_survives_a_deleted_collection(caller: Caller) -> None:
    for slug in ("papers", "hidden", "gone"):
        make_collection(caller, slug)
        ask(caller, {slug: 1}, slug=slug)
    delete_collection(caller, "hidden")
    with db.writing() as session:
        session.execute(text("DELETE FROM collections WHERE slug = 'gone'"))
    observer.flush()
    assert uses() == {("papers", "equality"): 1}


def test_a_collection_held_by_others_does_not_hold_up_the_flush(caller: Caller) -> None:
    make_collection(caller)
    ask(caller, {"lang": "en"})
    with db.writing() as session:
        session.execute(text("SELECT id FROM collections FOR UPDATE"))
        thread = threading.Thread(target=observer.flush)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    assert uses() == {}


def test_a_flush_that_fails_is_dropped_and_the_next_one_works(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_collection(caller)
    ask(caller, {"lang": "en"})

    def broken() -> None:
        raise OSError("the server went away")

    monkeypatch.setattr("embedhub.search.observed.db.writing", broken)
    observer.flush()
    monkeypatch.undo()
    assert "not written" in caplog.text
    ask(caller, {"lang": "en"})
    observer.flush()
    assert uses() == {("lang", "equality"): 1}


def test_the_end_of_the_process_writes_what_was_noted(caller: Caller) -> None:
    make_collection(caller)
    own = Observer()
    noted: list[Any] = []
    observer_note = observer.note
    try:
        observer.note = lambda *seen: noted.append(seen)  # type: ignore[method-assign]
        ask(caller, {"lang": "en"})
    finally:
        observer.note = observer_note  # type: ignore[method-assign]
    own.note(*noted[0])
    own.close()
    assert uses() == {("lang", "equality"): 1}


def test_garbage_names_fill_neither_the_memory_nor_the_table(caller: Caller) -> None:
    make_collection(caller)
    override_config(max_usage_fields=5)
    ask(caller, {"lang": "en"})
    observer.flush()
    for round_ in range(3):
        for i in range(20):
            ask(caller, {f"garbage{round_}x{i}": 1})
        assert len(observer._uses) <= 5
        ask(caller, {"lang": "en"})
        observer.flush()
    found = uses()
    assert len({field for field, _ in found}) == 5
    # What is known already goes on being counted; with the memory full it may be left out.
    assert ("lang", "equality") in found


def test_other_workspaces_have_their_own_bound_and_names(caller: Caller, stranger: Caller) -> None:
    override_config(max_usage_fields=2, advice_filters_per_hour=3)
    make_collection(caller)
    make_collection(stranger)
    ask(caller, {"ours": {"$gt": 1}}, times=3)
    ask(stranger, {"theirs": {"$gt": 1}, "secret": {"$lt": 4}}, times=3)
    observer.flush()
    assert len(uses()) == 3
    assert "ours" in advice(caller)[0].message
    for told in advice(caller):
        assert "theirs" not in told.message
        assert "secret" not in told.message
    assert {one.message.split()[0] for one in advice(stranger)} == {"theirs", "secret"}


def test_a_frequent_range_without_an_index_is_advised_until_it_is_declared(
    caller: Caller,
) -> None:
    override_config(advice_filters_per_hour=4)
    make_collection(caller, filterable={"pages": "number"})
    ask(caller, {"year": {"$gte": 2000}, "lang": "en", "pages": {"$lt": 9}}, times=4)
    observer.flush()
    [found] = advice(caller)
    assert found.code is AdviceCode.FILTER_WITHOUT_INDEX
    assert found.message == (
        "year is filtered 4 times an hour and has no index for its ranges: declare it in filterable"
        " as number"
    )
    assert timedelta(0) <= datetime.now(UTC) - found.since < timedelta(hours=1, minutes=1)
    update_collection(
        caller, "papers", CollectionChanges(filterable={"pages": "number", "year": "number"})
    )
    assert advice(caller) == []


def test_who_is_bound_to_principals_is_told_nothing_of_others_filters(caller: Caller) -> None:
    override_config(advice_filters_per_hour=1)
    make_collection(caller)
    ask(caller, {"year": {"$gte": 2000}})
    observer.flush()
    assert advice(caller)
    assert advice(caller.narrowed(["anna"])) == []


def test_old_hours_are_forgotten_and_not_advised_on(caller: Caller) -> None:
    override_config(advice_filters_per_hour=1)
    make_collection(caller)
    ask(caller, {"year": {"$gte": 2000}, "size": {"$gte": 2}})
    observer.flush()
    with db.writing() as session:
        session.execute(text("UPDATE filter_usage SET hour = hour - interval '25 hours'"))
        session.execute(
            text("UPDATE filter_usage SET hour = hour - interval '7 days' WHERE field = 'size'")
        )
    assert advice(caller) == []
    assert filter_advice.forget_old() == 1
    assert set(uses()) == {("year", "number_range")}


def hour(field: str, kind: str, n: int, took_ms: float, hours_ago: int = 0) -> UsedField:
    return UsedField(field, kind, NOW - timedelta(hours=hours_ago), n, took_ms)


def test_a_filter_is_as_frequent_as_in_its_busiest_hour() -> None:
    hours = [
        hour("year", "number_range", 99, 50, hours_ago=9),
        hour("year", "number_range", 300, 600, hours_ago=5),
        hour("year", "number_range", 100, 200, hours_ago=3),
        hour("lang", "equality", 80, 80),
    ]
    since = NOW - timedelta(hours=5)
    assert frequent_uses(hours, 100) == [Frequent("year", FilterKind.NUMBER_RANGE, 300, 2.0, since)]


@pytest.mark.parametrize(
    ("kind", "declared", "mean_ms", "expected"),
    [
        ("number_range", None, 1, AdviceCode.FILTER_WITHOUT_INDEX),
        ("date_range", None, 1, AdviceCode.FILTER_WITHOUT_INDEX),
        ("date_range", "string", 1, AdviceCode.FILTER_WITHOUT_INDEX),
        ("number_range", "number", 1, AdviceCode.FILTER_INDEX_MISSING),
        ("date_range", "date", 1, AdviceCode.FILTER_INDEX_MISSING),
        ("number_range", "array", 1, None),
        ("number_range", "array", 900, AdviceCode.SLOW_FILTER),
        ("equality", None, 900, None),
        ("substring", None, 1, None),
        ("substring", "string", 900, AdviceCode.SLOW_FILTER),
        ("negation", None, 900, AdviceCode.SLOW_FILTER),
        ("presence", None, 900, AdviceCode.SLOW_FILTER),
        ("text_range", "string", 900, AdviceCode.SLOW_FILTER),
    ],
)
def test_what_is_advised(
    kind: str, declared: str | None, mean_ms: float, expected: AdviceCode | None
) -> None:
    use = Frequent("f", FilterKind(kind), 300, mean_ms, NOW)
    filterable = {"f": declared} if declared else {}
    found = advice_on([use], filterable=filterable, unindexed={"f"}, slow_ms=200)
    assert [one.code for one in found] == ([expected] if expected else [])
    if expected is AdviceCode.FILTER_INDEX_MISSING:
        assert not advice_on([use], filterable=filterable, unindexed=set(), slow_ms=200)
    for one in found:
        assert "300 times an hour" in one.message
        assert one.since == NOW
