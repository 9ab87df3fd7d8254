"""Lines into a catalog: of any number, resumed after any end, refused one by one, out again."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pytest

from embedhub.access.caller import Caller
from embedhub.catalog import lines as batching
from embedhub.catalog.exporting import export_rows
from embedhub.catalog.importing import (
    Kind,
    cancel_import,
    claim_import,
    get_import,
    import_lines,
    list_imports,
    refused_lines,
    send_on,
)
from embedhub.catalog.service import Unknown, catalog_status
from embedhub.errors import Conflict, InvalidInput, NotFound
from tests.catalog.factories import make_catalog, send_items
from tests.factories import encode_everything


def ndjson(*rows: Any) -> Iterator[bytes]:
    """Yield lines; bytes stand for themselves."""
    for row in rows:
        yield row if isinstance(row, bytes) else orjson.dumps(row)


def bring(caller: Caller, kind: Kind, *rows: Any, slug: str = "films") -> Counter[str]:
    """Import rows and return what became of them, refused ones among it."""
    counts: Counter[str] = Counter()
    for part in import_lines(caller, slug, kind, ndjson(*rows)):
        counts += part.counts
        counts["refused"] += len(part.errors)
    return +counts


def view(n: int, **fields: Any) -> dict[str, Any]:
    time = f"2026-01-{1 + n // 1440 % 28:02}T{n // 60 % 24:02}:{n % 60:02}:00Z"
    return {"user": f"u{n % 7}", "item": "m", "type": "view", "time": time, **fields}


def test_every_kind_comes_in_and_goes_out_as_it_was(caller: Caller, stranger: Caller) -> None:
    make_catalog(caller)
    items = [
        {
            "external_id": f"m{n}",
            "fields": {"title": f"film {n}"},
            "categories": ["drama"],
            "labels": [],
            "attributes": {"year": 1990 + n},
            "is_hidden": n == 1,
            "available_from": "2026-01-01T00:00:00+00:00",
            "available_until": None,
            "source_version": n,
        }
        for n in range(3)
    ]
    users = [{"external_id": "u1", "attributes": {"age": 3}, "text": "likes drama"}]
    events = [
        {
            "user": "u1", "item": item, "type": "view", "value": 2.0,
            "time": "2026-01-31T12:00:00+00:00", "request_id": None,
        }
        for item in ("m0", "m1", "unknown")
    ]  # fmt: skip
    assert bring(caller, Kind.ITEMS, *items) == {"created": 3}
    assert bring(caller, Kind.USERS, *users) == {"created": 1}
    assert bring(caller, Kind.INTERACTIONS, *events) == {"created": 2, "held": 1}
    assert bring(caller, Kind.ITEMS, *items) == {"unchanged": 3}
    assert bring(caller, Kind.INTERACTIONS, *events) == {"unchanged": 2, "held": 1}
    encode_everything()
    assert catalog_status(caller, "films").n_embedded == 4
    for kind, sent in ((Kind.ITEMS, items), (Kind.USERS, users), (Kind.INTERACTIONS, events)):
        found = [row for page in export_rows(caller, "films", kind) for row in page]
        assert orjson.loads(orjson.dumps(found)) == sent
        with pytest.raises(NotFound):
            export_rows(stranger, "films", kind)


def test_a_bad_line_costs_itself_alone_and_is_reported(caller: Caller) -> None:
    make_catalog(caller, unknown_items=Unknown.REJECT)
    bring(caller, Kind.ITEMS, {"external_id": "m"})
    counts = bring(
        caller,
        Kind.INTERACTIONS,
        view(1),
        b"not JSON",
        b"",
        view(2, type="stare"),
        view(3, time="2999-01-01T00:00:00Z"),
        b'{"user": "u1", "item": "m", "type": "view", "value": NaN}',
        view(4, value=1e300),
        view(5, item="nowhere"),
        view(6),
    )
    assert counts == {"created": 2, "refused": 6}
    (latest, _) = list_imports(caller, "films")
    assert (latest.kind, latest.status, latest.n_lines) == ("interactions", "finished", 9)
    told = {
        one.line: one.message for some in refused_lines(caller, "films", latest.id) for one in some
    }
    assert set(told) == {2, 4, 5, 6, 7, 8}
    assert "type that the catalog weighs" in told[4]
    assert "future" in told[5]
    assert told[8] == "unknown item"


def test_a_stream_that_breaks_goes_on_behind_what_is_committed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "COMMITTED_INTERACTIONS", 10)
    make_catalog(caller)
    send_items(caller, {"external_id": "m"})
    sent = [view(n) for n in range(35)]

    def breaking() -> Iterator[bytes]:
        yield from ndjson(*sent[:25])
        raise ConnectionError

    claim = claim_import(caller, "films", Kind.INTERACTIONS)
    with pytest.raises(ConnectionError):
        list(send_on(caller, "films", Kind.INTERACTIONS, claim, breaking()))
    state = get_import(caller, "films", claim.import_id)
    assert (state.status, state.next_line) == ("broken", 21)
    with pytest.raises(InvalidInput, match="line 21 comes next"):
        claim_import(caller, "films", Kind.INTERACTIONS, import_id=claim.import_id, from_line=30)
    with pytest.raises(InvalidInput, match="of interactions"):
        claim_import(caller, "films", Kind.USERS, import_id=claim.import_id)
    again = claim_import(caller, "films", Kind.INTERACTIONS, import_id=claim.import_id)
    assert (
        sum(
            part.counts["created"]
            for part in send_on(caller, "films", Kind.INTERACTIONS, again, ndjson(*sent))
        )
        == 15
    )
    state = get_import(caller, "films", claim.import_id)
    assert (state.status, state.n_lines, state.counts["created"]) == ("finished", 35, 35)
    assert catalog_status(caller, "films").n_interactions == 35


def test_a_cancelled_import_stores_nothing_more(
    caller: Caller, stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "COMMITTED_MEMBERS", 2)
    make_catalog(caller)
    claim = claim_import(caller, "films", Kind.USERS)
    with pytest.raises(NotFound):
        cancel_import(stranger, "films", claim.import_id)

    def cancelling() -> Iterable[bytes]:
        for n in range(10):
            if n == 5:
                cancel_import(caller, "films", claim.import_id)
            yield orjson.dumps({"external_id": f"u{n}"})

    with pytest.raises(Conflict, match="cancelled"):
        list(send_on(caller, "films", Kind.USERS, claim, cancelling()))
    assert get_import(caller, "films", claim.import_id).status == "cancelled"
    assert catalog_status(caller, "films").n_users <= 4
    with pytest.raises(Conflict, match="cancelled"):
        claim_import(caller, "films", Kind.USERS, import_id=claim.import_id)


def test_of_one_id_twice_the_later_line_wins(caller: Caller) -> None:
    make_catalog(caller)
    counts = bring(
        caller,
        Kind.ITEMS,
        {"external_id": "m", "fields": {"title": "first"}},
        {"external_id": "m", "fields": {"title": "second"}},
    )
    assert counts == {"created": 1, "updated": 1}
    (page,) = export_rows(caller, "films", Kind.ITEMS)
    assert page[0]["fields"] == {"title": "second"}


def test_a_user_of_many_pages_is_exported_whole(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from embedhub.catalog import exporting

    monkeypatch.setattr(exporting, "INTERACTIONS_AT_ONCE", 4)
    monkeypatch.setattr(exporting, "USERS_AT_ONCE", 2)
    make_catalog(caller)
    send_items(caller, {"external_id": "m"})
    sent = [view(n, user="busy") for n in range(10)] + [view(n) for n in range(20, 30)]
    bring(caller, Kind.INTERACTIONS, *sent)
    rows = [row for page in export_rows(caller, "films", Kind.INTERACTIONS) for row in page]
    assert len(rows) == len({orjson.dumps(row) for row in rows}) == 20
