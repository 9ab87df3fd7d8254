"""The way of a document through the API."""

from typing import Any
from urllib.parse import quote

import orjson
import pytest

from embedhub.access.caller import Caller
from embedhub.documents import import_view
from embedhub.web.body import Lines
from tests.factories import encode_everything, make_collection
from tests.web.conftest import ApiClient

PATH = "/collections/papers/documents"


@pytest.fixture(autouse=True)
def papers(caller: Caller) -> None:
    make_collection(caller, filterable={"year": "number"})


def put(api: ApiClient, *documents: dict[str, Any]) -> list[str]:
    answer = api.post(PATH, {"documents": list(documents)})
    assert answer.status_code == 200, answer.content
    return [item["outcome"] for item in answer.json()["items"]]


def test_outcomes_tell_what_changed_in_the_order_sent(api: ApiClient) -> None:
    first = {"external_id": "1", "text": "a text", "source_version": 5}
    assert put(api, first, {"external_id": "2"}) == ["created", "created"]
    changed = {"external_id": "2", "text": "a text now"}
    old = {**first, "text": "an older text", "source_version": 4}
    assert put(api, changed, first, {"external_id": "3"}) == ["updated", "unchanged", "created"]
    assert put(api, old) == ["stale"]
    assert api.get(PATH + "/1").json()["text"] == "a text"


def test_what_was_sent_comes_back(api: ApiClient) -> None:
    document = {
        "external_id": "a/ü b?c#d%2F",
        "title": "Ein Titel",
        "text": "Text mit Ümlaut und 😀",
        "url": "https://example.org/?a=b",
        "metadata": {"year": 2020, "nested": {"list": [1, 2.5, None, True, "x"]}},
        "access": ["b", "a"],
        "source_version": 2**62,
        "language": "german",
        "expires_at": "2099-01-01T00:00:00Z",
    }
    put(api, document)
    got = api.get(PATH + "?external_id=a/%C3%BC%20b%3Fc%23d%252F").json()
    assert sorted(got.pop("access")) == ["a", "b"]
    for name in document.keys() - {"access"}:
        assert got[name] == document[name], name
    by_path = api.get(PATH + "/a/%C3%BC%20b%3Fc%23d%252F").json()
    assert by_path["external_id"] == document["external_id"]


@pytest.mark.parametrize("external_id", ["a\nb", "a\r", "\nb", "a\tb", "a\u0085b", "\x7f"])
def test_an_id_with_control_characters_works_in_a_path(api: ApiClient, external_id: str) -> None:
    put(api, {"external_id": external_id})
    path = f"{PATH}/{quote(external_id)}"
    assert api.get(path).json()["external_id"] == external_id
    assert api.delete(path).json()["n_deleted"] == 1


def test_nobody_can_be_said_in_a_query(api: ApiClient) -> None:
    put(api, {"external_id": "open"}, {"external_id": "closed", "access": ["a"]})
    for external_id, principals, status in [
        ("open", "", 200),
        ("closed", "", 404),
        ("closed", "a", 200),
        ("closed", "&principals=a", 422),
    ]:
        answer = api.get(f"{PATH}/{external_id}?principals={principals}")
        assert answer.status_code == status, (external_id, principals)
    listed = api.post(PATH + "/query", {"principals": []}).json()["items"]
    assert [item["external_id"] for item in listed] == ["open"]


def test_numbers_of_any_size_come_back_wherever_the_document_is_shown(api: ApiClient) -> None:
    metadata = {"mass": 1.989e30, "largest": 1.7976931348623157e308, "n": 2**63, "small": 1e-300}
    put(api, {"external_id": "sun", "text": "the sun", "metadata": metadata})
    assert api.get(PATH + "/sun").json()["metadata"] == metadata
    [listed] = api.post(PATH + "/query", {}).json()["items"]
    [hit] = api.post("/collections/papers/search", {"query": "sun"}).json()["hits"]
    assert listed["metadata"] == hit["document"]["metadata"] == metadata
    # JSON's own numbers: what no 64 bits hold is a float.
    put(api, {"external_id": "sun", "text": "the sun", "metadata": {"count": 2**70}})
    assert api.get(PATH + "/sun").json()["metadata"] == {"count": float(2**70)}


def test_many_are_returned_in_the_order_asked(api: ApiClient) -> None:
    put(api, *({"external_id": str(n)} for n in range(5)))
    asked = ["3", "none", "0", "3"]
    items = api.post(PATH + "/get", {"external_ids": asked}).json()["items"]
    assert [item and item["external_id"] for item in items] == ["3", None, "0", "3"]
    assert api.post(PATH + "/get", {"external_ids": []}).json() == {"items": []}


def test_documents_are_listed_and_deleted_by_filter(api: ApiClient) -> None:
    put(api, *({"external_id": str(n), "metadata": {"year": 2000 + n}} for n in range(6)))
    body = {"filter": {"year": {"$gte": 2003}}}
    listed = api.post(PATH + "/query", body).json()["items"]
    assert sorted(item["external_id"] for item in listed) == ["3", "4", "5"]
    assert {item["text"] for item in listed} == {None}
    assert api.post(PATH + "/delete", body).json() == {"n_deleted": 3, "run_id": None}
    ids = {"external_ids": ["0", "none"]}
    assert api.post(PATH + "/delete", ids).json()["n_deleted"] == 1
    left = api.post(PATH + "/query", {}).json()["items"]
    assert sorted(item["external_id"] for item in left) == ["1", "2"]


def test_one_document_is_deleted_by_path_or_parameter(api: ApiClient) -> None:
    put(api, {"external_id": "a/b"}, {"external_id": "query"})
    assert api.delete(PATH + "/a/b").json()["n_deleted"] == 1
    assert api.delete(PATH + "/a/b").status_code == 404
    assert api.delete(PATH + "?external_id=query").json()["n_deleted"] == 1
    assert api.delete(PATH + "?external_id=query").status_code == 404


def test_the_status_counts_what_is_missing(api: ApiClient) -> None:
    put(api, {"external_id": "1", "text": "a text"}, {"external_id": "2", "text": "another"})
    status = api.get("/collections/papers/status").json()
    assert (status["n_documents"], status["n_pending"], status["is_indexed"]) == (2, 2, False)
    encode_everything()
    status = api.get("/collections/papers/status").json()
    assert (status["n_embedded"], status["n_pending"], status["is_indexed"]) == (2, 0, True)


def test_an_import_is_found_by_words_before_it_is_encoded(api: ApiClient) -> None:
    lines = b"\n".join(
        orjson.dumps({"external_id": str(n), "text": f"number{n} of many"}) for n in range(3)
    )
    answer = api.post(PATH + "/import", lines).json()
    assert answer["counts"] == {"created": 3}
    body = {"query": "number2", "mode": "lexical", "limit": 1}
    hits = api.post("/collections/papers/search", body).json()["hits"]
    assert [hit["document"]["external_id"] for hit in hits] == ["2"]
    assert hits[0]["highlights"][0]["text"] == "number2"


def test_a_line_too_long_is_told_as_such(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_view, "body_lines", lambda request: Lines([request.body], 1_000))
    long = orjson.dumps({"external_id": "long", "text": "x" * 5_000})
    lines = b'{"external_id": "1"}\n' + long + b'\n{"external_id": "2"}'
    answer = api.post(PATH + "/import", lines).json()
    assert answer["counts"] == {"created": 2}
    assert [error["line"] for error in answer["errors"]] == [2]
    assert "1,000 bytes" in answer["errors"][0]["message"]
