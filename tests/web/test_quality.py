"""How well a collection is served, as GET /v1/collections/{slug} says it."""

from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from tests.factories import make_collection
from tests.web.conftest import ApiClient, ClientFor
from tests.web.endpoints import operations


@pytest.fixture
def measured(caller: Caller) -> Caller:
    """A collection with an index that finds too little and a filter that is asked often."""
    make_collection(caller)
    with db.writing() as session:
        session.execute(
            text("UPDATE spaces SET shelf_id = 77, is_indexed = true WHERE kind = 'dense'")
        )
        session.execute(
            text(
                "INSERT INTO recall_samples (workspace_id, space_id, filter_class, n_queries,"
                " n_asked, recall, lowest, plans, took_ms) SELECT workspace_id, id, one.class, 40,"
                ' 7, one.recall, 0.3, \'{"hnsw": 39, "exact": 1}\', 1 FROM spaces,'
                " (VALUES ('1%', 0.99), ('none', 0.8)) one(class, recall) WHERE kind = 'dense'"
            )
        )
        session.execute(
            text(
                "INSERT INTO filter_usage (workspace_id, collection_id, field, kind, hour,"
                " n_searches, took_ms) SELECT workspace_id, id, 'year', 'number_range', now(),"
                " 300, 1 FROM collections"
            )
        )
    return caller


def test_recall_and_advice_are_told_as_documented(measured: Caller, api: ApiClient) -> None:
    response = api.get("/collections/papers")
    body = response.json()
    none, hundredth = body["recall"]
    assert (none["filter_class"], none["recall"], none["n_queries"]) == ("none", 0.8, 40)
    assert (hundredth["filter_class"], hundredth["lowest"]) == ("1%", 0.3)
    assert none["n_asked"] == 7
    assert none["plans"] == {"hnsw": 39, "exact": 1}
    assert {one["code"] for one in body["advice"]} == {"low_recall", "filter_without_index"}
    assert "year is filtered 300 times an hour and has no index for its ranges: declare it" in (
        response.content.decode()
    )
    document: Any = api.get("/openapi.json").json()
    described = operations(document)["GET /v1/collections/{slug}"]["responses"]["200"]
    schema = described["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    assert not list(validator.iter_errors(orjson.loads(response.content)))


def test_a_key_with_principals_and_a_stranger_are_told_nothing(
    measured: Caller, client_for: ClientFor, stranger: Caller, stranger_api: ApiClient
) -> None:
    bound = client_for(measured.workspace_id, "read", principals=["anna"]).get(
        "/collections/papers"
    )
    assert bound.status_code == 200
    assert bound.json()["recall"] == []
    assert bound.json()["advice"] == []
    assert stranger_api.get("/collections/papers").status_code == 404
    make_collection(stranger)
    theirs = stranger_api.get("/collections/papers")
    assert theirs.json()["advice"] == []
    assert b"year" not in theirs.content


def test_lists_of_collections_do_without(measured: Caller, api: ApiClient) -> None:
    [listed] = api.get("/collections").json()["items"]
    assert "recall" not in listed
    assert "advice" not in listed
