"""Every endpoint of the OpenAPI document: what it answers, and to whom."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.catalog import importing
from embedhub.catalog.service import CatalogInput, create_catalog
from embedhub.conversations import service as conversations
from embedhub.documents.imports import create_import
from embedhub.recommend.experiments.service import ExperimentInput, create_experiment
from embedhub.recommend.rules.service import put_rules
from embedhub.recommend.training_run.supplied import open_version
from embedhub.runs.service import RunKind, start_run
from embedhub.search.ranking.curations import Action, CurationInput, add_curation
from tests.anomalies.walked import anomaly_names
from tests.catalog.factories import add_members
from tests.documents.files.factories import failed_file
from tests.duplicates.walked import duplicate_names
from tests.factories import encode_everything, make_answer, make_collection, send
from tests.labels.walked import label_names
from tests.topics.walked import topic_names
from tests.web.conftest import ApiClient, ClientFor
from tests.web.endpoints import (
    BY_NAME,
    ENDPOINTS,
    GIVEN,
    LOGGED,
    OPEN,
    READING,
    WITHOUT_ROW,
    Endpoint,
    operations,
)
from tests.web.evaluated import evaluation_names
from tests.webhooks.factories import webhook_names

SECRET = "hedgehog"


@pytest.fixture
def document(api: ApiClient) -> dict[str, Any]:
    """The OpenAPI document as it is served."""
    served: dict[str, Any] = api.get("/openapi.json").json()
    return served


@pytest.fixture
def names(caller: Caller, api: ApiClient) -> dict[str, object]:
    """A collection with an open and a closed document, a run and a key, to fill into paths."""
    collection = make_collection(caller)
    send(
        caller,
        {"external_id": "open", "text": "an open text", "metadata": {"year": 2020}},
        {
            "external_id": "closed",
            "title": SECRET,
            "text": f"a text about a {SECRET}",
            "url": f"https://example.org/{SECRET}",
            "metadata": {"animal": SECRET, "year": 2021},
            "access": ["keepers"],
        },
    )
    encode_everything()
    with db.writing() as session:
        session.execute(
            text(
                "INSERT INTO pending (space_id, owner_id, workspace_id, encoder, input_hash,"
                " dead_at, last_error) SELECT s.id, c.id, c.workspace_id, 'e', c.input_hash, now(),"
                f" CASE WHEN d.access IS NULL THEN 'too long' ELSE '{SECRET}' END FROM chunks c"
                " JOIN documents d ON d.id = c.document_id JOIN spaces s ON s.kind = 'dense'"
            )
        )
        run_id = start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=RunKind.REWEIGH,
            subject=f"collection {collection.id}",
            arguments={"collection_id": collection.id},
        )
    # Found under the collection's slug, which is what the walk fills in.
    create_catalog(caller, CatalogInput(slug="papers"))
    add_members(caller, "papers", "open")
    encode_everything()
    put_rules(caller, "papers", "home", [])
    trial = ExperimentInput("home", "home", [{"name": "a"}, {"name": "b"}])
    create_experiment(caller, "papers", trial)
    key, _ = create_key(caller.workspace_id, name="to be revoked")
    conversation_id = conversations.add_turn(
        replace(caller, key_id=api.key_id),
        None,
        slugs=["papers"],
        question=SECRET,
        answer=make_answer(text=SECRET),
    )
    return {
        "slug": "papers",
        "external_id": "open",
        # of a placement, and of an experiment
        "name": "home",
        "run_id": run_id,
        "number": ready_version(caller, "papers"),
        "open_number": open_version(caller, "papers", name="towers", dimension=1).number,
        "conversation_id": conversation_id,
        "model_id": "papers",
        "key_id": key.id,
        "import_id": create_import(caller, "papers").id,
        "catalog_import_id": importing.create_import(caller, "papers", importing.Kind.USERS).id,
        "kind": "interactions",
        "file_id": failed_file(caller, SECRET),
        **evaluation_names(caller, LOGGED, SECRET),
        **webhook_names(caller),
        **anomaly_names(caller, "papers", SECRET),
        **duplicate_names(caller, "papers", SECRET),
        **topic_names(caller, "papers", SECRET),
        **label_names(caller, "papers", GIVEN),
        "curation_id": add_curation(
            caller, "papers", CurationInput(Action.HIDE, "closed", query=f"about {SECRET}")
        ).id,
    }


def ready_version(caller: Caller, slug: str) -> int:
    """Return the number of a version that can be published."""
    number = open_version(caller, slug, name="ready", dimension=1).number
    with db.writing() as session:
        session.execute(text("UPDATE recommender_versions SET status = 'ready'"))
    return number


def call(client: ApiClient, endpoint: Endpoint, names: dict[str, object]) -> Any:
    return client.send(endpoint.method, endpoint.url(**names), endpoint.body)


def whole(response: Any) -> bytes:
    """Return what was answered, of a stream all of it."""
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def test_every_endpoint_has_its_request_here(document: dict[str, Any]) -> None:
    assert set(operations(document)) == set(BY_NAME)


def test_every_answer_is_what_the_document_says(
    api: ApiClient, document: dict[str, Any], names: dict[str, object]
) -> None:
    described = operations(document)
    for endpoint in sorted(ENDPOINTS, key=lambda each: each.is_last):
        response = call(api, endpoint, names)
        if endpoint.path == "/v1/health/ready":
            assert response.status_code in {200, 503}
        else:
            assert response.status_code == endpoint.status, (endpoint.name, response.content)
        if endpoint.is_download:
            continue
        answers = described[endpoint.name]["responses"]
        content = answers[str(response.status_code)]["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        errors = list(Draft202012Validator(schema).iter_errors(orjson.loads(response.content)))
        assert not errors, (endpoint.name, errors)


def test_without_a_key_nothing_opens(
    clean: str, document: dict[str, Any], names: dict[str, object]
) -> None:
    for client in (ApiClient(None), ApiClient("eh_wrong_key"), ApiClient("")):
        for endpoint in ENDPOINTS:
            response = call(client, endpoint, names)
            if endpoint.path in OPEN:
                assert response.status_code in {200, 503}
                continue
            assert response.status_code == 401, endpoint.name
            assert response["WWW-Authenticate"] == "Bearer"
            assert response.json()["code"] == "unauthenticated"


def test_a_stranger_finds_nothing_of_another_workspace(
    stranger_api: ApiClient, names: dict[str, object], api: ApiClient
) -> None:
    for endpoint in sorted(ENDPOINTS, key=lambda each: each.is_last):
        if endpoint.path in OPEN:
            continue
        response = call(stranger_api, endpoint, names)
        if endpoint.path in WITHOUT_ROW:
            assert b"papers" not in response.content, endpoint.name
        else:
            assert response.status_code == 404, (endpoint.name, response.content)
            assert response.json()["code"] == "not_found"
    listed = api.post("/collections/papers/documents/query", {}).json()["items"]
    assert {item["external_id"] for item in listed} == {"open", "closed"}


@pytest.mark.parametrize("is_bound", [True, False], ids=["key", "request"])
def test_a_document_closed_to_the_principals_is_never_seen(
    caller: Caller, client_for: ClientFor, names: dict[str, object], is_bound: bool
) -> None:
    """Bound key, or principals in the request: no answer of any endpoint tells of the document."""
    guest = client_for(caller.workspace_id, principals=["guests"] if is_bound else None)
    for endpoint in ENDPOINTS:
        if endpoint.method == "DELETE" or (not is_bound and not has_principals(endpoint)):
            continue
        body, query = endpoint.body, endpoint.query
        if not is_bound and endpoint.method == "POST":
            body = {**body, "principals": ["guests"]}
        elif not is_bound:
            query = f"{query}{'&' if query else '?'}principals=guests"
        asked = Endpoint(endpoint.method, endpoint.path, body, query)
        for external_id in ("open", "closed"):
            response = call(guest, asked, {**names, "external_id": external_id})
            assert SECRET.encode() not in whole(response), endpoint.name
    for path in ("/closed", "?external_id=closed"):
        query = "" if is_bound else ("&" if "?" in path else "?") + "principals=guests"
        assert guest.get(f"/collections/papers/documents{path}{query}").status_code == 404
    narrow = {} if is_bound else {"principals": ["guests"]}
    query = "" if is_bound else "?principals=guests"
    for mode in ("hybrid", "dense", "lexical"):
        asked_for = [search_of(guest, word, mode=mode, **narrow) for word in (SECRET, "zyzzyva")]
        assert SECRET not in str(asked_for)
        for told in ("notes", "legs", "complete", "plan"):
            assert asked_for[0][told] == asked_for[1][told], (mode, told)
        for leg in asked_for[0]["legs"]:
            assert (leg["plan"], leg["reason"], leg["terms"]) == (None, "", {})
            assert leg["estimated_rows"] is leg["scanned_rows"] is leg["ef_search"] is None
    if is_bound:
        assert guest.get("/collections/papers/status").status_code == 403
    dead = guest.get(f"/collections/papers/dead{query}").json()["items"]
    assert [each["external_id"] for each in dead] == ["open"]
    got = guest.post(
        "/collections/papers/documents/get", {"external_ids": ["closed", "open"], **narrow}
    ).json()["items"]
    assert got[0] is None
    assert got[1]["external_id"] == "open"


def search_of(client: ApiClient, query: str, **fields: Any) -> dict[str, Any]:
    """Return the whole answer to a search for a word."""
    body = {"query": query, "explain": True, **fields}
    answer: dict[str, Any] = client.post("/collections/papers/search", body).json()
    return answer


def has_principals(endpoint: Endpoint) -> bool:
    """Say whether documents come out of this endpoint."""
    asks = ("/query", "/get", "/search", "/answers", "/completions", "/score", "/check")
    reads = (
        *asks,
        "/dead",
        "/documents",
        "/anomalies",
        "/{external_id}",
        "/duplicates",
        "/clusters",
        "/topics",
        "/topics/{topic}",
        "/trends",
        "/rows",
    )
    is_read = endpoint.method == "GET" or endpoint.path.endswith(asks)
    return is_read and endpoint.path.endswith(reads)


def test_whoever_may_see_the_document_does(
    caller: Caller, client_for: ClientFor, names: dict[str, object]
) -> None:
    keeper = client_for(caller.workspace_id, "read", principals=["keepers"])
    assert keeper.get("/collections/papers/documents/closed").status_code == 200
    body = {"query": SECRET, "mode": "lexical"}
    assert SECRET in keeper.post("/collections/papers/search", body).content.decode()
    body["principals"] = ["guests"]  # type: ignore[assignment]
    assert SECRET not in str(keeper.post("/collections/papers/search", body).json()["hits"])


def test_a_reader_writes_nothing(
    caller: Caller, client_for: ClientFor, names: dict[str, object]
) -> None:
    reader = client_for(caller.workspace_id, "read")
    reads = ("/query", "/get", "/search")
    for endpoint in ENDPOINTS:
        # Whoever may search may say what was useful.
        may_read = endpoint.name in READING or endpoint.path == "/v1/feedback"
        if endpoint.method == "GET" or endpoint.path.endswith(reads) or may_read:
            continue
        response = call(reader, endpoint, names)
        assert response.status_code == 403, (endpoint.name, response.content)
        assert response.json()["code"] == "forbidden"


def test_keys_are_kept_by_unbound_admins_alone(
    caller: Caller, client_for: ClientFor, names: dict[str, object]
) -> None:
    writer = client_for(caller.workspace_id, "read", "write")
    bound = client_for(caller.workspace_id, "admin", principals=["a"])
    for client in (writer, bound):
        assert client.get("/keys").status_code == 403
        assert client.post("/keys", {"name": "more"}).status_code == 403
        assert client.delete(f"/keys/{names['key_id']}").status_code == 403


def test_a_key_bound_to_a_collection_opens_no_other(
    caller: Caller, client_for: ClientFor, names: dict[str, object]
) -> None:
    other = make_collection(caller, "other")
    bound = client_for(caller.workspace_id, collection_ids=[other.id])
    assert [c["slug"] for c in bound.get("/collections").json()["items"]] == ["other"]
    for endpoint in ENDPOINTS:
        if "{slug}" in endpoint.path or "{run_id}" in endpoint.path:
            response = call(bound, endpoint, names)
            assert response.status_code == 404, (endpoint.name, response.content)
