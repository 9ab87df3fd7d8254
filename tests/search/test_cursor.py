"""Cursors: opaque, bound to their request, and exact."""

import pytest

from embedhub.errors import InvalidInput
from embedhub.search.cursor import FIRST, Position, after, fingerprint, read_cursor, write_cursor
from embedhub.search.fusion import Candidate, single
from embedhub.search.request import Group, Leg, Mode, SearchRequest

REQUEST = SearchRequest(query="q")


def test_a_cursor_comes_back_exactly() -> None:
    mark = fingerprint([1], REQUEST, None)
    position = Position(2, 0.1 + 0.2, 2**62)
    assert read_cursor(write_cursor(mark, position), mark) == position
    assert read_cursor(None, mark) == FIRST


@pytest.mark.parametrize("cursor", ["", "x", "ü", "A" * 33, "A" * 100_000, "\0", "AAAA AAAA"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_cursor(cursor, fingerprint([1], REQUEST, None))
    assert error.value.field == "cursor"


def test_a_cursor_belongs_to_its_request() -> None:
    cursor = write_cursor(fingerprint([1], REQUEST, None), Position(1, 0.5, 3))
    read_cursor(cursor, fingerprint([1], SearchRequest(query="q", limit=50, explain=True), None))
    others = [
        fingerprint([2], REQUEST, None),
        fingerprint([1], SearchRequest(query="other"), None),
        fingerprint([1], SearchRequest(query="q", mode=Mode.DENSE), None),
        fingerprint([1], SearchRequest(query="q", group=Group.CHUNK), None),
        fingerprint([1], SearchRequest(query="q", filter={"a": 1}), None),
        fingerprint([1], SearchRequest(query="q", weights={"dense": 0.1}), None),
        fingerprint([1, 2], REQUEST, None),
        fingerprint([1], SearchRequest(query="q", queries=("r",)), None),
        fingerprint([1], SearchRequest(query="q", operators=False), None),
        fingerprint([1], REQUEST, ()),
        fingerprint([1], REQUEST, ("alice",)),
    ]
    for other in others:
        with pytest.raises(InvalidInput):
            read_cursor(cursor, other)


def test_a_page_begins_after_the_position() -> None:
    ranked = single(Leg.DENSE, [Candidate(i, i, 0.5) for i in range(4)])
    assert [r.chunk_id for r in after(ranked, Position(1, 0.5, 1), 1)] == [2, 3]
    assert after(ranked, Position(2, 0.5, 1), 1) == []
    assert len(after(ranked, Position(1, 0.5, 1), 2)) == 4
    assert len(after(ranked, FIRST, 1)) == 4
