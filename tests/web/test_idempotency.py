import threading
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.documents import service as documents
from embedhub.errors import NotReady
from embedhub.web.retention import forget_old_answers
from tests.factories import make_collection
from tests.web.conftest import ApiClient, ClientFor

DOCUMENTS = "/collections/papers/documents"
BATCH = {"documents": [{"external_id": "1", "text": "a text"}]}


@pytest.fixture(autouse=True)
def papers(caller: Caller) -> None:
    make_collection(caller)


def send(api: ApiClient, body: object = BATCH, path: str = DOCUMENTS, **headers: str) -> Any:
    return api.post(path, body, Idempotency_Key="key-1", **headers)


def test_the_same_request_gets_the_first_answer_again(api: ApiClient) -> None:
    first, second = send(api), send(api)
    assert first.json()["counts"] == {"created": 1}
    assert second.content == first.content
    assert second["Content-Type"] == first["Content-Type"]
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    # Without the key it is a new request.
    assert api.post(DOCUMENTS, BATCH).json()["counts"] == {"unchanged": 1}


def test_a_create_sent_twice_is_no_conflict(api: ApiClient) -> None:
    first = send(api, {"slug": "fresh"}, "/collections")
    second = send(api, {"slug": "fresh"}, "/collections")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"documents": []}, DOCUMENTS),
        (BATCH, DOCUMENTS + "?wait=indexed&timeout=0"),
        ({"external_ids": ["1"]}, DOCUMENTS + "/delete"),
    ],
)
def test_the_key_with_another_request_is_refused(api: ApiClient, body: object, path: str) -> None:
    send(api)
    response = send(api, body, path)
    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reused"


def test_a_key_belongs_to_its_workspace_and_api_key(
    api: ApiClient, stranger: Caller, client_for: ClientFor, caller: Caller
) -> None:
    send(api)
    make_collection(stranger)
    theirs = send(client_for(stranger.workspace_id))
    assert theirs.json()["counts"] == {"created": 1}
    # Another API key of ours must not be shown what the first one was answered.
    assert send(client_for(caller.workspace_id, "read")).status_code == 422


def test_a_failed_request_frees_its_key(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_ready(*_: object, **__: object) -> None:
        raise NotReady("the encoder is being loaded")

    with monkeypatch.context() as patch:
        patch.setattr(documents, "upsert_documents", not_ready)
        response = send(api)
        assert response.status_code == 503
        assert response["Retry-After"] == "5"
    with monkeypatch.context() as patch:
        patch.setattr(documents, "upsert_documents", lambda *_: 1 / 0)
        assert send(api).status_code == 500
    assert send(api, path="/collections/none/documents").status_code == 404
    assert send(api).json()["counts"] == {"created": 1}


def test_while_the_first_is_worked_on_the_second_is_told_to_wait(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []
    original = documents.upsert_documents
    inside, may_go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any, **named: Any) -> Any:
        inside.set()
        assert may_go_on.wait(10)
        return original(*arguments, **named)

    monkeypatch.setattr(documents, "upsert_documents", slow)
    thread = threading.Thread(target=lambda: answers.append(send(api)))
    thread.start()
    assert inside.wait(10)
    second = send(api)
    may_go_on.set()
    thread.join()
    assert second.status_code == 409
    assert second.json()["code"] == "idempotency_in_flight"
    assert int(second["Retry-After"]) >= 1
    assert answers[0].json()["counts"] == {"created": 1}
    assert send(api).content == answers[0].content


def test_a_request_whose_process_died_can_be_sent_again(api: ApiClient) -> None:
    send(api)
    with db.writing() as session:
        session.execute(text("UPDATE idempotency_records SET status = NULL, body = NULL"))
    assert send(api).status_code == 409
    with db.writing() as session:
        session.execute(
            text("UPDATE idempotency_records SET created_at = now() - interval '1 hour'")
        )
    assert send(api).json()["counts"] == {"unchanged": 1}


def test_a_new_keys_secret_is_not_kept(api: ApiClient) -> None:
    first = send(api, {"name": "k"}, "/keys").json()
    second = send(api, {"name": "k"}, "/keys").json()
    assert first["secret"].startswith(first["key"]["prefix"])
    assert second == {**first, "secret": None}
    with db.reading() as session:
        kept = session.execute(text("SELECT body FROM idempotency_records")).scalar_one()
    assert first["secret"].encode() not in kept


def test_an_import_is_repeated_too_as_lines_or_as_one_answer(api: ApiClient) -> None:
    lines = b"\n".join(orjson.dumps({"external_id": str(n), "text": "x"}) for n in range(2_100))
    path = DOCUMENTS + "/import"
    headers = {"Idempotency_Key": "key-2", "Accept": "application/x-ndjson"}
    first = api.post(path, lines, **headers)
    streamed = first.getvalue()
    second = api.post(path, lines, **headers)
    assert second.content == streamed
    assert (second["Content-Type"], second["Idempotency-Replayed"]) == (
        "application/x-ndjson",
        "true",
    )
    assert [orjson.loads(line)["n_lines"] for line in streamed.splitlines()] == [
        2_000,
        2_100,
        2_100,
    ]
    assert api.post(path, lines + b"\n{}", **headers).status_code == 422
    whole = send(api, lines, path)
    assert whole.json()["counts"] == {"unchanged": 2_100}
    assert send(api, lines, path).content == whole.content


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_what_cannot_be_a_key_is_refused(api: ApiClient, key: str) -> None:
    response = api.post(DOCUMENTS, BATCH, Idempotency_Key=key)
    assert response.status_code == 422
    assert response.json()["field"] == "Idempotency-Key"


def test_old_answers_are_forgotten(api: ApiClient) -> None:
    send(api)
    assert forget_old_answers() == 0
    with db.writing() as session:
        session.execute(
            text("UPDATE idempotency_records SET created_at = now() - interval '30 hours'")
        )
    assert forget_old_answers() == 1
    assert send(api).json()["counts"] == {"unchanged": 1}
