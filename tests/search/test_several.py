"""Several queries in one search, and several collections."""

from typing import Any

import pytest

from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from embedhub.errors import InvalidInput, NotFound, TooLarge
from embedhub.search.request import Group, Mode, NoteCode, SearchRequest, SearchResult
from embedhub.search.service import search, search_collections
from tests.factories import encode_everything, make_collection, send, send_texts

pytestmark = pytest.mark.usefixtures("sent_jobs")

CATS = ["Black cats sleep all day.", "Cats hunt mice.", "Dogs chase cats.", "Mice eat cheese."]
RULES = ["Cats pay no taxes.", "Taxes are due in May.", "May is a month.", "A month has days."]


@pytest.fixture
def two(caller: Caller) -> Caller:
    """Two collections of the same encoder."""
    for slug, texts in (("animals", CATS), ("rules", RULES)):
        make_collection(caller, slug)
        send_texts(caller, texts, slug=slug)
    encode_everything()
    return caller


def ask(caller: Caller, *slugs: str, **fields: Any) -> SearchResult:
    return search_collections(caller, slugs or ("animals", "rules"), SearchRequest(**fields))


def found(result: SearchResult) -> list[tuple[str, str]]:
    return [(hit.document.collection, hit.document.external_id) for hit in result.hits]


@pytest.mark.parametrize("mode", list(Mode))
def test_collections_are_ranked_as_if_they_were_one(
    caller: Caller, two: Caller, mode: Mode
) -> None:
    make_collection(caller, "all")
    texts = {("animals", str(i)): text for i, text in enumerate(CATS)}
    texts |= {("rules", str(i)): text for i, text in enumerate(RULES)}
    send(
        caller,
        *({"external_id": f"{slug} {key}", "text": text} for (slug, key), text in texts.items()),
        slug="all",
    )
    encode_everything()
    for query in ("black cats sleep", "taxes are due in may", "mice eat cheese"):
        together = ask(two, query=query, mode=mode, explain=True)
        one = search(two, "all", SearchRequest(query=query, mode=mode))
        wanted = [tuple(hit.document.external_id.split()) for hit in one.hits]
        assert found(together)[0] == wanted[0]
        assert set(found(together)) == set(wanted)
        assert {leg.collection for leg in together.legs} == {"animals", "rules"}
        assert together.complete


@pytest.mark.parametrize("group", list(Group))
def test_pages_of_several_collections_repeat_and_miss_nothing(two: Caller, group: Group) -> None:
    whole = found(ask(two, query="cats mice taxes may month days", group=group))
    paged: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = ask(two, query="cats mice taxes may month days", group=group, limit=2, cursor=cursor)
        paged += found(page)
        cursor = page.cursor
        if cursor is None:
            break
    assert paged == whole
    assert len(set(paged)) == 8


def test_the_order_of_the_collections_does_not_matter(two: Caller) -> None:
    for slug in ("animals", "rules"):
        send_texts(two, ["Cats hunt mice."] * 6, slug=slug)
    encode_everything()
    whole = found(ask(two, query="cats", limit=50))
    seen: list[tuple[str, str]] = []
    cursor, slugs = None, ["animals", "rules"]
    while True:
        result = ask(two, *slugs, query="cats", limit=2, cursor=cursor)
        seen += found(result)
        cursor = result.cursor
        slugs.reverse()
        if cursor is None:
            break
    assert seen == whole


def test_a_collection_with_vectors_of_its_own_making_takes_part(two: Caller) -> None:
    make_collection(two, "supplied", encoder="supplied", dimension=2)
    send(two, {"external_id": "v", "text": "Cats in vectors.", "vector": [1, 0]}, slug="supplied")
    result = ask(two, "animals", "supplied", query="cats")
    assert ("supplied", "v") in found(result)
    assert NoteCode.NO_DENSE_SPACE in {note.code for note in result.notes}


def test_who_may_not_open_one_of_them_finds_none(two: Caller, stranger: Caller) -> None:
    with pytest.raises(NotFound):
        ask(two, "animals", "nowhere", query="cats")
    with pytest.raises(NotFound):
        ask(stranger, query="cats")
    make_collection(stranger, "animals")
    assert ask(stranger, "animals", query="cats").hits == ()


def test_principals_hide_in_every_collection(two: Caller) -> None:
    for slug in ("animals", "rules"):
        secret = {"external_id": "x", "text": "Secret cats.", "access": ["board"]}
        send(two, secret, slug=slug)
    encode_everything()
    assert {("animals", "x"), ("rules", "x")} <= set(found(ask(two, query="secret")))
    bound = ask(two, query="secret", principals=("staff",))
    assert not {("animals", "x"), ("rules", "x")} & set(found(bound))


def test_phrases_hold_for_all_collections(two: Caller) -> None:
    assert found(ask(two, query='"black cats"')) == [("animals", "0")]
    nobody = ask(two, query='"green cats"')
    assert NoteCode.PHRASE_NOT_FOUND in {note.code for note in nobody.notes}


def test_a_phrase_that_one_collection_cannot_look_up_is_found_in_the_others(caller: Caller) -> None:
    """Of a phrase of stop words the English index knows nothing."""
    for slug, language in (("english", "english"), ("plain", "simple")):
        make_collection(caller, slug, language=language)
        send_texts(caller, ["To be or not to be.", "Cats hunt mice."], slug=slug)
    encode_everything()
    result = ask(caller, "english", "plain", query='"to be"')
    assert NoteCode.PHRASE_NOT_FOUND not in {note.code for note in result.notes}
    assert found(result) == [("plain", "0")]
    assert found(ask(caller, "english", "plain", query='"to be" -mice')) == [("plain", "0")]


def test_collections_are_checked(two: Caller) -> None:
    with pytest.raises(InvalidInput) as error:
        ask(two, "animals", "animals", query="cats")
    assert error.value.field == "collections.1"
    with pytest.raises(InvalidInput):
        search_collections(two, [], SearchRequest(query="cats"))
    limit = get_config().max_collections_searched
    with pytest.raises(TooLarge):
        ask(two, *map(str, range(limit + 1)), query="cats")


@pytest.mark.parametrize("mode", list(Mode))
def test_several_queries_find_what_any_of_them_finds(two: Caller, mode: Mode) -> None:
    result = ask(two, "animals", query="cheese", queries=("black day",), mode=mode, explain=True)
    if mode is not Mode.DENSE:
        assert {hit.document.external_id for hit in result.hits[:2]} == {"0", "3"}
    for hit in result.hits:
        assert hit.explain is not None
        assert {leg.query for leg in hit.explain.legs} == {0, 1}
        assert hit.score == pytest.approx(sum(leg.share for leg in hit.explain.legs))
    assert {leg.query for leg in result.legs} == {0, 1}
    marked = {
        hit.chunk.text[span.start : span.end] for hit in result.hits for span in hit.highlights
    }
    assert {"cheese", "Black", "day"} <= marked


def test_the_same_query_twice_ranks_as_once(two: Caller) -> None:
    once = ask(two, query="cats hunt")
    twice = ask(two, query="cats hunt", queries=("cats hunt",))
    assert found(once) == found(twice)
    assert [hit.score for hit in once.hits] == pytest.approx([hit.score for hit in twice.hits])


def test_a_query_that_only_leaves_out_is_named(two: Caller) -> None:
    with pytest.raises(InvalidInput) as raised:
        ask(two, query="cats", queries=("mice", "-dogs"))
    assert raised.value.field == "queries.1"
    with pytest.raises(InvalidInput) as raised:
        ask(two, query="-dogs", queries=("mice",))
    assert raised.value.field == "query"


def test_queries_are_checked(two: Caller) -> None:
    with pytest.raises(InvalidInput) as error:
        ask(two, query="cats", queries=(" ",))
    assert error.value.field == "queries.0"
    override_config(max_queries=2)
    try:
        with pytest.raises(TooLarge) as many:
            ask(two, query="a", queries=("b", "c"))
        assert many.value.field == "queries"
    finally:
        override_config(max_queries=8)
