"""Judged queries: stored whole or not at all, of one workspace, changed and taken back."""

import pytest

from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.errors import Forbidden, InvalidInput, NotFound, TooLarge
from embedhub.evaluation import service
from embedhub.evaluation.inputs import JudgedInput
from embedhub.evaluation.queries.judged import QueryRow
from tests.evaluation.conftest import QUERIES
from tests.factories import make_collection


def by_query(caller: Caller) -> dict[str, QueryRow]:
    return {row.query: row for row in service.list_judged(caller, "papers")}


def test_queries_are_listed_with_what_is_judged_of_them(judged: Caller) -> None:
    rows = by_query(judged)
    assert list(rows) == list(QUERIES)
    assert (rows["largest animal"].n_judgments, rows["largest animal"].n_relevant) == (2, 1)
    assert (rows["nothing relevant"].n_judgments, rows["nothing relevant"].n_relevant) == (1, 0)
    view = service.get_judged(judged, "papers", rows["largest animal"].id)
    assert [(j.external_id, j.relevance, j.is_present) for j in view.judgments] == [
        ("whales", 2, True),
        ("bats", 0, True),
    ]


def test_a_query_sent_again_is_changed_and_its_judgments_replaced(judged: Caller) -> None:
    sent = [
        JudgedInput("biggest animal", "largest animal", "train", {"volcano": 1}),
        JudgedInput("molten rock", "molten rock"),  # no judgments given: those there are stay
        JudgedInput("a new one"),
    ]
    outcomes = service.put_judged(judged, "papers", sent)
    assert [one.outcome for one in outcomes] == ["updated", "updated", "created"]
    rows = by_query(judged)
    assert rows["biggest animal"].split == "train"
    assert service.judged_state(judged, "papers", "biggest animal").relevance == {"volcano": 1}
    assert rows["molten rock"].n_judgments == 1
    assert [one.query for one in service.list_judged(judged, "papers", split="train")] == [
        "biggest animal"
    ]
    # The same text without an id is the same query.
    assert service.put_judged(judged, "papers", [JudgedInput("a new one")])[0] == (
        type(outcomes[2])(outcomes[2].id, outcomes[2].external_id, "updated")
    )


def test_judging_by_text_makes_the_query_and_can_be_undone(judged: Caller) -> None:
    state = service.judge(judged, "papers", "who flies", {"bats": 3}, judged_by="sam")
    assert (state.relevance, state.n_queries) == ({"bats": 3}, 5)
    state = service.judge(judged, "papers", "who flies", {"bats": 1, "rain": 0}, judged_by="kim")
    assert state.relevance == {"bats": 1, "rain": 0}
    state = service.judge(judged, "papers", "who flies", {"bats": None}, judged_by="kim")
    assert (state.relevance, state.n_queries) == ({"rain": 0}, 4)
    view = service.get_judged(judged, "papers", by_query(judged)["who flies"].id)
    assert [one.judged_by for one in view.judgments] == ["kim"]
    # A query that was imported under an id of its own is judged further, not made again.
    service.judge(judged, "papers", "molten rock", {"rain": 0}, judged_by="sam")
    assert by_query(judged)["molten rock"].n_judgments == 2


def test_an_import_is_stored_as_a_whole_or_not_at_all(judged: Caller) -> None:
    before = by_query(judged)
    with pytest.raises(InvalidInput, match=r"qrels\.3"):
        service.import_judged(
            judged, "papers", queries_text="1\tone\n", qrels_text="1 0 a 1\n1 0 b 1\nbroken\n"
        )
    assert by_query(judged) == before
    tally = service.import_judged(
        judged,
        "papers",
        queries_text='{"_id": "1", "text": "one"}\n{"_id": "2", "text": "two"}\n',
        qrels_text="query-id\tcorpus-id\tscore\n1\twhales\t1\n1\tgone\t-2\n9\tbats\t1\n",
        split="dev",
    )
    assert (tally.n_queries, tally.n_judgments) == (1, 2)
    assert (tally.n_without_text, tally.n_without_judgments, tally.n_negative) == (1, 1, 1)
    row = by_query(judged)["one"]
    assert (row.external_id, row.split, row.source) == ("1", "dev", "import")
    assert service.judged_state(judged, "papers", "one").relevance == {"whales": 1, "gone": 0}
    with pytest.raises(InvalidInput, match="no judgment is about"):
        service.import_judged(judged, "papers", queries_text="1\tone", qrels_text="2 0 a 1")


def test_what_cannot_be_stored_names_its_place(judged: Caller) -> None:
    wrong: list[tuple[JudgedInput, str]] = [
        (JudgedInput(" "), "queries.0.query"),
        (JudgedInput("a\0b"), "queries.0.query"),
        (JudgedInput("a", "b" * 600), "queries.0.external_id"),
        (JudgedInput("a", split="x\ny"), "queries.0.split"),
        (JudgedInput("a", relevance={"d": -1}), "queries.0.judgments"),
        (JudgedInput("a", relevance={"": 1}), "queries.0.judgments"),
    ]
    for one, field in wrong:
        with pytest.raises((InvalidInput, TooLarge)) as raised:
            service.put_judged(judged, "papers", [one])
        assert getattr(raised.value, "field", None) == field
    with pytest.raises(InvalidInput, match="twice"):
        service.put_judged(judged, "papers", [JudgedInput("a"), JudgedInput("a")])
    assert len(by_query(judged)) == len(QUERIES)


def test_limits_hold_and_leave_nothing_behind(judged: Caller) -> None:
    override_config(max_judged_queries=6, max_judgments=8)
    try:
        with pytest.raises(TooLarge, match="6 judged queries"):
            service.put_judged(judged, "papers", [JudgedInput("a"), JudgedInput("b")])
        with pytest.raises(TooLarge, match="8 judgments"):
            service.put_judged(judged, "papers", [JudgedInput("a", relevance={"x": 1, "y": 1})])
        with pytest.raises(TooLarge, match="8 judgments"):
            service.judge(judged, "papers", "molten rock", {"x": 1, "y": 1}, judged_by="sam")
        assert len(by_query(judged)) == len(QUERIES)
        assert by_query(judged)["molten rock"].n_judgments == 1
    finally:
        override_config(max_judged_queries=20_000, max_judgments=200_000)


def test_some_or_all_are_deleted(judged: Caller) -> None:
    rows = list(by_query(judged).values())
    assert service.delete_judged(judged, "papers", [rows[0].id, 10**15]) == 1
    with pytest.raises(NotFound):
        service.get_judged(judged, "papers", rows[0].id)
    assert service.delete_judged(judged, "papers", None) == len(rows) - 1


def test_another_workspace_and_bound_callers_see_nothing(judged: Caller, stranger: Caller) -> None:
    query_id = by_query(judged)["molten rock"].id
    make_collection(stranger)
    assert service.list_judged(stranger, "papers") == []
    with pytest.raises(NotFound):
        service.get_judged(stranger, "papers", query_id)
    with pytest.raises(NotFound):
        service.set_judgments(stranger, "papers", query_id, {"a": 1})
    assert service.delete_judged(stranger, "papers", [query_id]) == 0
    bound = judged.narrowed(["anna"])
    with pytest.raises(Forbidden):
        service.list_judged(bound, "papers")
    with pytest.raises(Forbidden):
        service.judged_state(bound, "papers", "molten rock")
    with pytest.raises(Forbidden):
        service.frequent_queries(bound, "papers", limit=5)
    with pytest.raises(Forbidden):
        service.judge(bound, "papers", "molten rock", {"bats": 1}, judged_by="anna")
    assert by_query(judged)["molten rock"].n_judgments == 1
