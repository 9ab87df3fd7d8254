"""A hit's parent passage: the section around it, or the window around a sentence."""

from typing import Any

from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.search.parents import section, window
from embedhub.search.queries.parents import Relative
from embedhub.search.request import Group, HitContext, HitParent, SearchRequest
from embedhub.search.service import search
from tests.factories import make_collection, send

PARTS = [
    " ".join(f"{name} number {n} is described in a sentence of this part." for n in range(12))
    for name in ("Castle", "Harbour")
]
TEXT = f"# Town\n\n## Castle\n\n{PARTS[0]}\n\n## Harbour\n\n{PARTS[1]}\n"


def parent(caller: Caller, query: str, **wishes: Any) -> HitParent | None:
    request = SearchRequest(query, context=HitContext.PARENT, group=Group.CHUNK, **wishes)
    return search(caller, "papers", request).hits[0].parent


def filled(caller: Caller, **chunking: Any) -> None:
    make_collection(caller, chunking=chunking)
    send(caller, {"external_id": "town.md", "text": TEXT, "access": ["staff"]})


def test_the_parent_is_what_stands_under_the_same_headings(caller: Caller) -> None:
    filled(caller, max_tokens=20)
    found = parent(caller, '"harbour number 5"')
    assert found is not None
    assert found.heading_path == "Town > Harbour"
    assert found.text == TEXT[found.start : found.end]
    assert found.text.startswith("## Harbour")
    assert found.text.endswith("this part.")
    assert "Castle" not in found.text


def test_a_parent_stays_within_its_tokens(caller: Caller) -> None:
    filled(caller, max_tokens=20)
    override_config(parent_tokens=60)
    try:
        found = parent(caller, '"harbour number 5"')
    finally:
        override_config(parent_tokens=600)
    assert found is not None
    assert "number 5 " in found.text
    assert 30 < len(found.text.split()) <= 60


def test_of_a_sentence_the_parent_is_its_window(caller: Caller) -> None:
    filled(caller, strategy="sentence_window", window_sentences=1)
    found = parent(caller, '"harbour number 5"')
    assert found is not None
    assert [n for n in range(12) if f"number {n} " in found.text] == [4, 5, 6]


def test_without_the_wish_there_is_no_parent(caller: Caller) -> None:
    filled(caller)
    assert search(caller, "papers", SearchRequest("harbour")).hits[0].parent is None


def test_who_may_not_see_the_document_gets_nothing_of_it(caller: Caller) -> None:
    filled(caller)
    request = SearchRequest("harbour", context=HitContext.PARENT, principals=("guest",))
    assert search(caller, "papers", request).hits == ()


def relatives(*sizes: int, path: str = "a") -> list[Relative]:
    return [Relative(place, place + 1, path, size) for place, size in enumerate(sizes)]


def test_a_section_grows_to_both_sides_and_stops_at_other_headings() -> None:
    around = relatives(10, 10, 10, 10, 10)
    assert [one.start for one in section(around, 2, 30)] == [1, 3]
    assert [one.start for one in section(around, 0, 35)] == [0, 2]
    assert [one.start for one in section(around, 2, 5)] == [2, 2]
    others = [*relatives(10, 10), Relative(2, 3, "b", 10)]
    assert [one.start for one in section(others, 1, 99)] == [0, 1]


def test_a_window_ends_where_the_text_does() -> None:
    around = relatives(1, 1, 1)
    assert [one.start for one in window(around, 0, 2)] == [0, 2]
    assert [one.start for one in window(around, 1, 0)] == [1, 1]
