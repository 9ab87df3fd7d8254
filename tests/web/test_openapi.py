import json
from typing import Any

import pytest

from tests.web.conftest import ApiClient
from tests.web.endpoints import BY_NAME, OPEN, READING, operations


@pytest.fixture
def document(clean: str) -> dict[str, Any]:
    """The OpenAPI document, which needs no key."""
    response = ApiClient(None).get("/openapi.json")
    assert response.status_code == 200
    served: dict[str, Any] = response.json()
    return served


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(references(inner) for inner in value))
    return set()


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    found = references(document)
    assert found
    for reference in found:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_every_operation_says_who_may_call_it_and_what_can_go_wrong(
    document: dict[str, Any],
) -> None:
    assert document["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    named = operations(document)
    assert len({operation["operationId"] for operation in named.values()}) == len(named)
    assert named["POST /v1/collections/{slug}/search"]["operationId"] == "search_collection"
    for name, operation in named.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        is_open = name.partition(" ")[2] in OPEN
        assert bool(operation.get("security")) is not is_open, name
        if not is_open:
            for status in ("401", "403", "404", "409", "413", "422", "503"):
                assert status in operation["responses"], (name, status)
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                kind = BY_NAME[name].media if BY_NAME[name].is_download else "json"
                kind = kind if "/" in kind else f"application/{kind}"
                assert answer["content"][kind]["schema"], name


def test_what_may_happen_anywhere_is_described_once(document: dict[str, Any]) -> None:
    described = document["components"]["responses"]["OtherRefusal"]
    for status in ("400", "405", "411", "500"):
        assert status in described["description"]
    for name, operation in operations(document).items():
        assert operation["responses"]["default"] == {
            "$ref": "#/components/responses/OtherRefusal"
        }, name


def test_probes_say_what_they_answer(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["ReadyOut"]["required"]) == {"status", "version", "parts"}
    ready = operations(document)["GET /v1/health/ready"]["responses"]
    for status in ("200", "503"):
        schema = ready[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ReadyOut"}


def test_every_post_that_writes_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    reads = ("/query", "/get", "/search")
    for name, operation in operations(document).items():
        headers = [each["name"] for each in operation["parameters"] if each["in"] == "header"]
        writes = name.startswith("POST") and not name.endswith(reads) and name not in READING
        wanted = ["Idempotency-Key"] if writes else []
        # What a read replica may answer can be asked to know of what was written.
        assert headers == (["Consistency-Token"] if name.endswith("/search") else wanted), name


def test_nothing_of_the_inside_is_told(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for word in ("embedhub.", "embedhub_", "django", "ninja", "pydantic", "sqlalchemy"):
        assert word not in text.lower(), word


def test_requests_have_examples(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    document_in = schemas["BatchIn"]["properties"]["documents"]["items"]
    for schema in (schemas["CollectionIn"], schemas["SearchIn"], document_in):
        assert schema["examples"]
