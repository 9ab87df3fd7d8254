"""Whatever is sent, the answer is a clear refusal, and nothing is half-written."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from django.test import Client
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from tests.factories import make_collection
from tests.web.conftest import ApiClient

DOCUMENTS = "/collections/papers/documents"


@pytest.fixture(autouse=True)
def papers(caller: Caller) -> None:
    make_collection(caller)


def n_documents() -> int:
    with db.reading() as session:
        return int(session.execute(text("SELECT count(*) FROM documents")).scalar_one())


def refused(response: Any, status: int = 422, field: str | None = None) -> dict[str, Any]:
    """Check that the answer is a problem of this status about this part, and return it."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["request_id"] == response["X-Request-Id"]
    for member in ("type", "title", "detail", "instance", "code"):
        assert body[member]
    if field is not None:
        assert body["field"] == field, body
        assert body["errors"][0]["field"] == field
    return body


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"external_id": None}, "documents.1.external_id"),
        ({"external_id": ""}, "documents.1.external_id"),
        ({"external_id": 7}, "documents.1.external_id"),
        ({"external_id": "first"}, "documents.1.external_id"),
        ({"text": 5}, "documents.1.text"),
        ({"text": "a\u0000b"}, "documents.1.text"),
        ({"title": ["a"]}, "documents.1.title"),
        ({"metadata": []}, "documents.1.metadata"),
        ({"metadata": {"a": "\u0000"}}, "documents.1.metadata.a"),
        ({"access": "everybody"}, "documents.1.access"),
        ({"access": [1]}, "documents.1.access.0"),
        ({"source_version": -1}, "documents.1.source_version"),
        ({"source_version": True}, "documents.1.source_version"),
        ({"source_version": 2**63}, "documents.1.source_version"),
        ({"language": "klingon"}, "documents.1.language"),
        ({"expires_at": "tomorrow"}, "documents.1.expires_at"),
        ({"vector": "%%%"}, "documents.1.vector"),
        ({"vector": ["a"]}, "documents.1.vector"),
        ({"unknown": 1}, "documents.1.unknown"),
    ],
)
def test_one_wrong_document_refuses_the_batch_and_is_named(
    api: ApiClient, wrong: dict[str, Any], field: str
) -> None:
    documents = [
        {"external_id": "first", "text": "a good one"},
        {"external_id": "second", "text": "x", **wrong},
    ]
    refused(api.post(DOCUMENTS, {"documents": documents}), 422, field)
    assert n_documents() == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'"documents"', "body"),
        (b"\xff\xfe", "body"),
        (b'{"documents": [{"external_id": "1", "text": "\xff"}]}', "body"),
        (b'{"documents": [{"external_id": "1", "text": "\\ud800"}]}', "body"),
        (b'{"documents": [{"external_id": "1", "metadata": {"x": NaN}}]}', "body"),
        (b'{"documents": [{"external_id": "1", "metadata": {"x": 1e999}}]}', None),
        (b'{"documents": [{"external_id": "1", "metadata": ' + b'{"a":' * 100_000, "body"),
        (b"[" * 100_000 + b"]" * 100_000, "body"),
        (
            b'{"documents": [{"external_id": "1", "metadata": '
            + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}]}",
            None,
        ),
        (b'{"documents": {}}', "documents"),
        (b'{"documents": null}', "documents"),
        (b'{"documents": [null]}', "documents.0"),
        (b'{"documents": [[]]}', "documents.0"),
        (b"{}", "documents"),
        (b'{"documents": [], "more": 1}', "more"),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused(api: ApiClient, body: bytes, field: str | None) -> None:
    refused(api.post(DOCUMENTS, body), 422, field)
    assert n_documents() == 0


def test_lines_of_wrong_documents_are_named_and_the_others_stored(api: ApiClient) -> None:
    lines = [
        b'{"external_id": "1", "text": "good"}',
        b"not json",
        b'{"external_id": "2", "text": "\\ud800"}',
        b'{"external_id": "3", "text": "\\u0000"}',
        b'{"external_id": "4", "text": "\xff"}',
        b"[" * 100_000,
        b"",
        b'{"external_id": "5", "text": 5}',
        b'{"external_id": "6", "text": "good too"}',
    ]
    answer = api.post(DOCUMENTS + "/import", b"\n".join(lines)).json()
    assert answer["counts"] == {"created": 2}
    assert [error["line"] for error in answer["errors"]] == [2, 3, 4, 5, 6, 8]
    assert (answer["n_errors"], answer["n_lines"]) == (6, 9)
    assert n_documents() == 2


class TestVectors:
    @pytest.fixture(autouse=True)
    def supplied(self, caller: Caller) -> None:
        make_collection(caller, "vectors", dimension=3)

    @pytest.mark.parametrize(
        "vector",
        [
            [1.0, 2.0],
            [1.0, 2.0, 3.0, 4.0],
            [],
            [0, 0, 0],
            [1, 2, "3"],
            [1, 2, None],
            [1, 2, True],
            [1, 2, 1e39],
            base64.b64encode(np.array([1, 2], "<f4").tobytes()).decode(),
            base64.b64encode(np.array([1, 2, np.nan], "<f4").tobytes()).decode(),
            base64.b64encode(np.array([1, 2, np.inf], "<f4").tobytes()).decode(),
            base64.b64encode(b"12345").decode(),
        ],
    )
    def test_a_vector_that_cannot_be_stored_is_refused(self, api: ApiClient, vector: Any) -> None:
        documents = [
            {"external_id": "a", "text": "x", "vector": [1, 2, 3]},
            {"external_id": "b", "text": "x", "vector": vector},
        ]
        response = api.post("/collections/vectors/documents", {"documents": documents})
        refused(response, 422, "documents.1.vector")
        assert n_documents() == 0

    def test_a_good_vector_is_taken_as_numbers_or_packed(self, api: ApiClient) -> None:
        packed = base64.b64encode(np.array([1, 2, 3], "<f4").tobytes()).decode()
        documents = [
            {"external_id": "a", "text": "x", "vector": [1, 2.5, 3]},
            {"external_id": "b", "text": "x", "vector": packed},
        ]
        response = api.post("/collections/vectors/documents", {"documents": documents})
        assert response.json()["counts"] == {"created": 2}


def test_too_many_documents_are_refused_before_any_is_read(api: ApiClient) -> None:
    documents = [{"external_id": str(n)} for n in range(get_config().max_batch_documents)]
    body = refused(api.post(DOCUMENTS, {"documents": [*documents, 5]}), 413, "documents")
    assert body["code"] == "too_large"


def test_a_text_over_its_limit_is_refused(api: ApiClient) -> None:
    document = {"external_id": "1", "text": "x" * (get_config().max_text_chars + 1)}
    refused(api.post(DOCUMENTS, {"documents": [document]}), 413, "documents.0.text")
    document = {"external_id": "x" * 513}
    refused(api.post(DOCUMENTS, {"documents": [document]}), 413, "documents.0.external_id")


def test_a_body_over_its_limit_is_refused(api: ApiClient) -> None:
    before = get_config().max_body_bytes
    override_config(max_body_bytes=1_000)
    try:
        refused(api.post(DOCUMENTS, b" " * 1_001), 413)
        assert api.get("/collections/papers").status_code == 200
    finally:
        override_config(max_body_bytes=before)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nowhere", "/v1/collections/papers/nowhere"])
def test_an_unknown_path_is_told_as_such_whatever_the_method(
    clean: str, method: str, path: str
) -> None:
    browser = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    body = refused(browser.generic(method, path, b"{}", content_type="application/json"), 404)
    assert body["code"] == "not_found"


def test_forms_of_other_sites_are_still_refused(clean: str) -> None:
    browser = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    answer = browser.post("/admin/login/", {"username": "a", "password": "b"})
    assert answer.status_code == 403


def test_an_import_takes_no_parameter_that_it_would_ignore(api: ApiClient) -> None:
    line = b'{"external_id": "1"}'
    refused(api.post(DOCUMENTS + "/import?wait=indexed", line), 422, "wait")
    assert n_documents() == 0


def test_a_body_of_unknown_length_is_never_read_as_empty(api: ApiClient) -> None:
    """A server that passes chunked bodies on as they are: Django would read nothing."""
    response = api.client.post(
        f"/v1{DOCUMENTS}",
        headers=api.headers,
        content_type="application/json",
        data=b"",
        CONTENT_LENGTH="",
        HTTP_TRANSFER_ENCODING="chunked",
    )
    refused(response, 411)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"slug": "a", "name": 5}, "name"),
        ({"slug": 5}, "slug"),
        ({"slug": "a", "dimension": "3"}, "dimension"),
        ({"slug": "a", "dimension": 3.5}, "dimension"),
        ({"slug": "a", "chunking": "passages"}, "chunking"),
        ({"slug": "a", "chunking": {"strategy": "passages", "size": 1}}, "chunking.size"),
        ({"slug": "a", "chunking": {"max_tokens": 0}}, "chunking.max_tokens"),
        ({"slug": "a", "filterable": {"year": "int"}}, "filterable.year"),
        ({"slug": "a", "filterable": ["year"]}, "filterable"),
        ({"slug": "a\u0000"}, "slug"),
        ({"slug": "a", "extra": 1}, "extra"),
        ({}, "slug"),
    ],
)
def test_a_wrong_collection_is_refused(api: ApiClient, body: Any, field: str) -> None:
    refused(api.post("/collections", body), 422, field)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/query", {"limit": 0}, "limit"),
        ("/query", {"limit": 1_001}, "limit"),
        ("/query", {"limit": "10"}, "limit"),
        ("/query", {"cursor": "nonsense"}, "cursor"),
        ("/query", {"cursor": "cnVuczo1"}, "cursor"),
        ("/query", {"filter": []}, "filter"),
        ("/query", {"filter": {"year": {"$near": 1}}}, None),
        ("/query", {"principals": "a"}, "principals"),
        ("/query", {"principals": [""]}, "principals.0"),
        ("/query", {"principals": ["a" * 257]}, "principals.0"),
        ("/get", {"external_ids": "a"}, "external_ids"),
        ("/get", {"external_ids": [1]}, "external_ids.0"),
        ("/get", {}, "external_ids"),
        ("/delete", {}, "filter"),
        ("/delete", {"filter": {}}, "filter"),
        ("/delete", {"external_ids": ["a"], "filter": {"a": 1}}, "filter"),
        ("?timeout=-1", {"documents": []}, "timeout"),
        ("?timeout=100000", {"documents": []}, "timeout"),
        ("?timeout=soon", {"documents": []}, "timeout"),
        ("?wait=forever", {"documents": []}, "wait"),
    ],
)
def test_wrong_requests_about_documents_are_refused(
    api: ApiClient, path: str, body: Any, field: str | None
) -> None:
    refused(api.post(DOCUMENTS + path, body), 422, field)


def test_too_many_ids_are_refused(api: ApiClient) -> None:
    ids = [str(n) for n in range(get_config().max_limit + 1)]
    refused(api.post(DOCUMENTS + "/get", {"external_ids": ids}), 413, "external_ids")
    ids = [str(n) for n in range(get_config().max_delete_ids + 1)]
    refused(api.post(DOCUMENTS + "/delete", {"external_ids": ids}), 413, "external_ids")


def test_filters_beyond_the_limits_are_refused(api: ApiClient) -> None:
    most = {"year": {"$in": list(range(10_000))}}
    assert api.post(DOCUMENTS + "/query", {"filter": most}).status_code == 200
    for filter_ in (
        {"year": {"$in": list(range(10_001))}},
        {"$or": [{"year": n} for n in range(10_000)]},
        {f"field{n}": n for n in range(10_000)},
    ):
        response = api.post(DOCUMENTS + "/query", {"filter": filter_})
        assert response.status_code in {413, 422}
        assert response.json()["field"].startswith("filter")
    nested: dict[str, Any] = {"year": 1}
    for _ in range(300):
        nested = {"$not": nested}
    refused(api.post(DOCUMENTS + "/query", {"filter": nested}), 413)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/runs?limit=0", 422),
        ("GET", "/runs?limit=x", 422),
        ("GET", "/runs?cursor=%F0", 422),
        ("GET", "/runs?status=asleep", 422),
        ("GET", "/runs/99999999999999999999999", 422),
        ("GET", "/runs/-1", 404),
        ("GET", "/runs/abc", 404),
        ("GET", "/collections/papers/documents", 422),
        ("GET", "/collections/papers/documents?external_id=%00", 422),
        ("GET", "/collections/papers/documents/%00", 422),
        ("GET", "/collections/%00", 422),
        ("GET", "/collections/%ff%fe", 404),
        ("GET", "/collections/papers/documents/%ed%a0%80", 404),
        ("GET", "/collections/papers/documents?external_id=%ed%a0%80", 404),
        ("GET", "/collections/none", 404),
        ("DELETE", "/collections/papers/documents/none", 404),
        ("DELETE", "/keys/999", 404),
        ("GET", "/nowhere", 404),
        ("GET", "", 404),
        ("GET", "/collections/papers/", 404),
        ("PUT", "/collections/papers", 405),
        ("POST", "/health/live", 405),
        ("DELETE", "/keys", 405),
    ],
)
def test_wrong_addresses_are_problems_too(
    api: ApiClient, method: str, path: str, status: int
) -> None:
    response = api.send(method, path)
    refused(response, status)
    if status == 405:
        assert response["Allow"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "   "}, "query"),
        ({"query": 5}, "query"),
        ({"query": "a\u0000b"}, "query"),
        ({"query": "a", "mode": "semantic"}, "mode"),
        ({"query": "a", "limit": 0}, "limit"),
        ({"query": "a", "limit": 1_001}, "limit"),
        ({"query": "a", "limit": "10"}, "limit"),
        ({"query": "a", "group": "site"}, "group"),
        ({"query": "a", "explain": "yes"}, "explain"),
        ({"query": "a", "cursor": "nonsense"}, "cursor"),
        ({"query": "a", "weights": {"dense": 2}}, "weights.dense"),
        ({"query": "a", "weights": {"words": 1}}, "weights.dense"),
        ({"query": "a", "filter": []}, "filter"),
        ({"query": "a", "filter": "year = 1"}, "filter"),
        ({"query": "a", "filter": {"year": {"$near": 1}}}, None),
        ({"query": "a", "filter": {"$or": {}}}, None),
        ({"query": "a", "principals": [5]}, "principals.0"),
        ({"query": "a", "extra": 1}, "extra"),
        ({"vector": [1, 2, 3]}, "vector"),
        ({"vector": []}, "vector"),
        ({"vector": [0] * 64}, "vector"),
        ({"vector": ["a"] * 64}, "vector"),
        ({"vector": "%%%"}, "vector"),
        ({"vector": {"a": 1}}, "vector"),
        ({"vector": base64.b64encode(np.full(64, np.nan, "<f4").tobytes()).decode()}, "vector"),
        ({"vector": [1.0] * 64, "mode": "lexical"}, None),
    ],
)
def test_a_wrong_search_is_refused(api: ApiClient, body: Any, field: str | None) -> None:
    refused(api.post("/collections/papers/search", body), 422, field)


def test_a_query_of_5_mb_is_refused(api: ApiClient) -> None:
    response = api.post("/collections/papers/search", {"query": "word " * 2**20})
    refused(response, 413, "query")


def test_a_huge_number_of_a_row_is_no_server_error(api: ApiClient) -> None:
    for number in (2**63, 2**64, 2**70):
        body = {"chunk_ids": [number]}
        assert api.post("/collections/papers/dead/retry", body).status_code in {200, 422}


def test_an_unknown_host_is_refused_but_probes_are_answered(api: ApiClient) -> None:
    host = {"Host": "evil.example"}
    refused(api.get("/collections", **host), 400)
    assert api.get("/health/live", **host).status_code == 200


def test_a_request_id_is_kept_if_it_is_one(api: ApiClient) -> None:
    given = api.get("/collections/none", X_Request_Id="trace-7.a:b")
    assert given["X-Request-Id"] == given.json()["request_id"] == "trace-7.a:b"
    for bad in ("a b", "x" * 200, "<script>"):
        assert api.get("/collections/none", X_Request_Id=bad)["X-Request-Id"] != bad


def test_a_bug_tells_nothing_of_the_inside(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("embedhub.collections.details.describe_collection", broken)
    response = api.get("/collections/papers", X_Request_Id="trace-8")
    body = refused(response, 500)
    assert "hunter2" not in json.dumps(body)
    logged = [record for record in caplog.records if record.exc_info]
    assert [getattr(record, "request_id", None) for record in logged] == ["trace-8"]


def test_what_callers_sent_is_not_logged_with_a_failed_statement(
    api: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    with db.writing() as session:
        session.execute(text("ALTER TABLE document_versions ADD CONSTRAINT broken CHECK (false)"))
    try:
        documents = [{"external_id": "1", "text": "confidential words"}]
        response = api.post(DOCUMENTS, {"documents": documents})
    finally:
        with db.writing() as session:
            session.execute(text("ALTER TABLE document_versions DROP CONSTRAINT broken"))
    refused(response, 500)
    assert "broken" in caplog.text
    assert "confidential" not in caplog.text
    assert "confidential" not in response.content.decode()
