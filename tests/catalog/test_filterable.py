"""Fields that a catalog declares: checked, stored as what they are, with indexes of their own."""

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.relabelling import relabel_items
from embedhub.catalog.search import search_items
from embedhub.catalog.service import CatalogChanges, find_catalog, get_catalog, update_catalog
from embedhub.errors import InvalidInput, NotFound
from embedhub.recommend.request import Kind, RecommendationRequest
from embedhub.recommend.service import recommend
from embedhub.runs.service import get_run
from embedhub.search.request import SearchRequest
from embedhub.spaces.index_upkeep import complete_shelves
from embedhub.spaces.indexes import grow_space
from embedhub.spaces.members import live_catalog_spaces
from embedhub.tables import Space
from tests.catalog.factories import make_catalog, send_items
from tests.factories import SilentProgress, encode_everything

SINCE_MAY = {"released": {"$gte": "2024-05-01"}}


def film(name: str, released: object) -> dict[str, object]:
    return {
        "external_id": name,
        "fields": {"title": f"film {name}"},
        "attributes": {"released": released},
    }


def found(caller: Caller) -> set[str]:
    result = search_items(caller, "films", SearchRequest(query="film", filter=SINCE_MAY))
    return {hit.item.external_id for hit in result.hits}


def listed(caller: Caller) -> set[str]:
    request = RecommendationRequest(kind=Kind.LATEST, filter=SINCE_MAY)
    return {hit.item.external_id for hit in recommend(caller, "films", request).hits}


def test_values_are_of_the_declared_type_and_dates_compare_as_moments(caller: Caller) -> None:
    made = make_catalog(caller, filterable={"released": "date"})
    assert made.filterable == {"released": "date"}
    send_items(
        caller, film("old", "2024-04-30T23:00:00Z"), film("new", "2024-05-01T01:00:00+02:00")
    )
    send_items(caller, film("newer", "2024-05-01"))
    encode_everything()
    assert found(caller) == listed(caller) == {"newer"}
    with pytest.raises(InvalidInput, match="expected a date") as refused:
        send_items(caller, film("good", "2024-06-01"), film("bad", "some day"))
    assert refused.value.field == "items.1.attributes.released"
    assert found(caller) == {"newer"}


def test_items_follow_fields_declared_later(caller: Caller, stranger: Caller) -> None:
    make_catalog(caller)
    send_items(caller, film("old", "2024-04-30"), film("new", "2024-05-02"))
    encode_everything()
    changes = CatalogChanges(filterable={"released": "date"})
    with pytest.raises(NotFound):
        update_catalog(stranger, "films", changes)
    changed, run_id = update_catalog(caller, "films", changes)
    assert changed.filterable == {"released": "date"} == get_catalog(caller, "films").filterable
    assert run_id is not None
    run = get_run(caller, run_id)
    assert relabel_items(SilentProgress(), {"catalog_id": changed.id}) == {"n_items": 2}
    assert run.kind == "update_attributes"
    assert found(caller) == listed(caller) == {"new"}
    assert update_catalog(caller, "films", changes) == (changed, None)
    for wrong in ({"$x": "date"}, {"x": "moment"}):
        with pytest.raises(InvalidInput):
            update_catalog(caller, "films", CatalogChanges(filterable=wrong))


def test_a_large_catalog_gets_an_index_of_each_declared_field(caller: Caller) -> None:
    make_catalog(caller, filterable={"released": "date"})
    send_items(caller, film("new", "2024-05-02"))
    encode_everything()
    space = words_of(caller)
    grow_space(SilentProgress(), {"space_id": space.id})
    assert any("_by_released_" in name for name in indexes_of(space))
    update_catalog(caller, "films", CatalogChanges(filterable={"year": "number"}))
    complete_shelves()
    grow_space(SilentProgress(), {"space_id": space.id})
    names = indexes_of(space)
    assert any("_by_year_" in name for name in names)
    assert not any("_by_released_" in name for name in names)


def words_of(caller: Caller) -> Space:
    with db.reading() as session:
        space = live_catalog_spaces(session, find_catalog(session, caller, "films")).sparse
    assert space is not None
    return space


def indexes_of(space: Space) -> list[str]:
    statement = text("SELECT indexname FROM pg_indexes WHERE tablename = :table")
    with db.engine().begin() as connection:
        table = f"sparse_embeddings_{space.id}"
        return list(connection.scalars(statement, {"table": table}))
