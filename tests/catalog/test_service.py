"""Catalogs: made, changed, counted, removed, and never seen by others."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog import service
from embedhub.catalog.service import CatalogChanges, CatalogInput, Unknown
from embedhub.config import get_config, override_config
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound
from embedhub.runs.service import carry_out, get_run
from tests.catalog.factories import make_catalog

NAN, INFINITE = float("nan"), float("inf")


def test_a_new_catalog_has_weights_of_the_usual_types(caller: Caller) -> None:
    made = make_catalog(caller)
    assert (made.name, made.unknown_users, made.unknown_items) == ("films", "create", "hold")
    assert made.interaction_weights["purchase"] > made.interaction_weights["view"] > 0
    assert made.interaction_weights["dislike"] < 0
    assert service.get_catalog(caller, "films") == made
    assert service.list_catalogs(caller) == [made]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"slug": "No Slug"}, "slug"),
        ({"name": ""}, "name"),
        ({"content_template": "{"}, "content_template"),
        ({"interaction_weights": {}}, "interaction_weights"),
        ({"interaction_weights": {"A view": 1}}, "interaction_weights"),
        ({"interaction_weights": {"view": NAN}}, "interaction_weights.view"),
        ({"interaction_weights": {"view": INFINITE}}, "interaction_weights.view"),
        ({"interaction_weights": {"view": 1_001}}, "interaction_weights.view"),
        ({"interaction_weights": {f"t{n}": 1.0 for n in range(101)}}, "interaction_weights"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    caller: Caller, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.create_catalog(caller, CatalogInput(**{"slug": "films", **fields}))
    assert refused.value.field == field
    assert service.list_catalogs(caller) == []


def test_a_slug_is_taken_once_and_a_workspace_has_so_many(caller: Caller) -> None:
    make_catalog(caller)
    with pytest.raises(Conflict):
        make_catalog(caller)
    before = get_config().max_catalogs
    override_config(max_catalogs=1)
    try:
        with pytest.raises(Conflict, match="at most 1"):
            make_catalog(caller, "more")
    finally:
        override_config(max_catalogs=before)


def test_a_change_leaves_the_rest(caller: Caller) -> None:
    made = make_catalog(caller)
    changes = CatalogChanges(interaction_weights={"view": 2}, unknown_items=Unknown.REJECT)
    changed, _ = service.update_catalog(caller, "films", changes)
    assert changed == replace(made, interaction_weights={"view": 2.0}, unknown_items="reject")
    assert service.update_catalog(caller, "films", CatalogChanges()) == (changed, None)
    assert service.get_catalog(caller, "films") == changed


def test_others_and_bound_callers_find_no_catalog(caller: Caller, stranger: Caller) -> None:
    make_catalog(caller)
    bound = [replace(caller, collection_ids=frozenset({1})), replace(caller, principals=())]
    for other in (stranger, *bound):
        assert service.list_catalogs(other) == []
        for ask in (service.get_catalog, service.catalog_status):
            with pytest.raises(NotFound):
                ask(other, "films")
    for other in (stranger, bound[0]):
        with pytest.raises(NotFound):
            service.update_catalog(other, "films", CatalogChanges(name="Mine"))
        with pytest.raises(NotFound):
            service.delete_catalog(other, "films")
    for other in (*bound, replace(caller, scopes=frozenset({"read"}))):
        with pytest.raises(Forbidden):
            make_catalog(other, "mine")
    assert service.get_catalog(caller, "films").name == "films"


def test_a_deleted_catalog_is_hidden_at_once_and_then_removed(caller: Caller) -> None:
    make_catalog(caller)
    run_id = service.delete_catalog(caller, "films")
    with pytest.raises(NotFound):
        service.get_catalog(caller, "films")
    kept = make_catalog(caller)
    carry_out(run_id, service.purge_catalog)
    assert get_run(caller, run_id).status == "succeeded"
    with db.reading() as session:
        assert session.execute(text("SELECT id FROM catalogs")).scalars().all() == [kept.id]


def test_a_removal_that_got_lost_is_begun_again(caller: Caller) -> None:
    make_catalog(caller)
    run_id = service.delete_catalog(caller, "films")
    assert service.resume_deletions() == 0
    with db.writing() as session:
        session.execute(text("DELETE FROM runs WHERE id = :id"), {"id": run_id})
    assert service.resume_deletions() == 1
    assert service.resume_deletions() == 0


def test_a_catalog_that_is_not_deleted_is_left_alone(caller: Caller) -> None:
    made = make_catalog(caller)
    with db.writing() as session:
        run_id = service._start_removal(session, caller.workspace_id, made.id)
    carry_out(run_id, service.purge_catalog)
    assert service.get_catalog(caller, "films") == made
