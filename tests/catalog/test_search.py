"""Items are found like documents: by words and meaning, filtered, page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.search import ItemSearchResult, search_items
from embedhub.catalog.service import find_catalog
from embedhub.errors import InvalidInput, NotFound
from embedhub.search.request import Mode, NoteCode, SearchRequest
from embedhub.spaces.indexes import grow_space
from embedhub.spaces.members import live_catalog_spaces
from tests.catalog.factories import make_catalog, send_items
from tests.factories import SilentProgress, encode_everything

FILMS: tuple[dict[str, Any], ...] = (
    {
        "external_id": "alien",
        "fields": {"title": "Alien", "plot": "A crew meets a monster on a ship in space"},
        "categories": ["horror", "space"],
        "attributes": {"year": 1979},
    },
    {
        "external_id": "titanic",
        "fields": {"title": "Titanic", "plot": "A ship sinks and love does not"},
        "categories": ["drama"],
        "attributes": {"year": 1997},
    },
    {
        "external_id": "fargo",
        "fields": {"title": "Fargo", "plot": "Crime in the snow"},
        "labels": ["coen"],
        "attributes": {"year": 1996},
    },
)


def find(caller: Caller, query: str | None = None, **fields: Any) -> ItemSearchResult:
    return search_items(caller, "films", SearchRequest(query=query, **fields))


def names(result: ItemSearchResult) -> list[str]:
    return [hit.item.external_id for hit in result.hits]


@pytest.fixture
def films(caller: Caller) -> Caller:
    make_catalog(caller)
    send_items(caller, *FILMS)
    encode_everything()
    return caller


def test_items_are_found_by_words_and_by_meaning_with_reasons(films: Caller) -> None:
    found = find(films, "ship in space", explain=True)
    assert names(found)[:2] == ["alien", "titanic"]
    assert found.complete
    assert found.plan == "exact"
    best = found.hits[0]
    assert best.score == pytest.approx(sum(leg.share for leg in best.explain.legs))
    content = best.item.content
    marked = {content[span.start : span.end] for span in best.highlights}
    assert {"ship", "space"} <= marked
    assert names(find(films, "snow", mode=Mode.LEXICAL)) == ["fargo"]
    assert names(find(films, '"love does not"')) == ["titanic"]
    assert "titanic" not in names(find(films, "ship -love"))


def test_filters_see_attributes_categories_and_labels(films: Caller) -> None:
    assert names(find(films, "ship", filter={"year": {"$gte": 1990}}))[0] == "titanic"
    assert names(find(films, "ship", filter={"categories": "space"})) == ["alien"]
    assert names(find(films, "ship", filter={"labels": {"$in": ["coen"]}})) == ["fargo"]
    with pytest.raises(InvalidInput):
        find(films, "ship", filter={"$hidden": True})


def test_hidden_items_and_those_out_of_their_time_are_left_out(films: Caller) -> None:
    now = datetime.now(UTC)
    send_items(
        films,
        FILMS[0] | {"is_hidden": True},
        FILMS[1] | {"available_from": (now + timedelta(days=1)).isoformat()},
        FILMS[2] | {"available_until": (now + timedelta(days=1)).isoformat()},
    )
    assert names(find(films, "ship in space")) == ["fargo"]
    assert names(find(films, "ship in space", filter={"year": 1979})) == []
    send_items(films, FILMS[2] | {"available_until": (now - timedelta(days=1)).isoformat()})
    assert names(find(films, "snow")) == []
    send_items(films, *FILMS)
    assert len(find(films, "ship in space").hits) == 3


def test_a_new_item_is_found_by_its_words_at_once_and_says_that_vectors_wait(
    films: Caller,
) -> None:
    send_items(films, {"external_id": "new", "fields": {"title": "Brand new"}})
    found = find(films, "brand")
    assert names(found)[0] == "new"
    assert not found.complete
    assert NoteCode.VECTORS_PENDING in {note.code for note in found.notes}


def test_pages_go_on_without_repeating_and_large_catalogs_use_the_index(films: Caller) -> None:
    send_items(
        films, *({"external_id": f"x{n}", "fields": {"title": f"ship {n}"}} for n in range(9))
    )
    encode_everything()
    with db.reading() as session:
        space = live_catalog_spaces(session, find_catalog(session, films, "films")).dense
    assert space is not None
    grow_space(SilentProgress(), {"space_id": space.id})
    seen: list[str] = []
    cursor, plans = None, set()
    for _ in range(4):
        page = find(films, "ship", limit=3, cursor=cursor)
        seen += names(page)
        plans.add(page.plan)
        cursor = page.cursor
    assert len(seen) == len(set(seen)) == 12
    with pytest.raises(InvalidInput, match="another request"):
        find(films, "boat", cursor=find(films, "ship", limit=3).cursor)


def test_a_strangers_catalog_is_not_there(films: Caller, stranger: Caller) -> None:
    with pytest.raises(NotFound):
        find(stranger, "ship")
