import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.documents import waiting
from embedhub.encoders.hashing import HashingEncoder
from tests.factories import encode_everything, make_collection
from tests.web.conftest import ApiClient

PATH = "/collections/papers/documents?wait=indexed"


@pytest.fixture(autouse=True)
def papers(caller: Caller) -> Iterator[None]:
    make_collection(caller)
    waiting.seats.cache_clear()
    yield
    waiting.seats.cache_clear()


def batch(*external_ids: str) -> dict[str, Any]:
    return {"documents": [{"external_id": each, "text": f"text {each}"} for each in external_ids]}


def test_the_answer_comes_as_soon_as_everything_is_encoded(api: ApiClient) -> None:
    is_answered = threading.Event()

    def encode_until_answered() -> None:
        while not is_answered.wait(0.1):
            encode_everything()

    worker = threading.Thread(target=encode_until_answered)
    worker.start()
    began = time.monotonic()
    response = api.post(PATH + "&timeout=30", batch("1", "2"))
    took_s = time.monotonic() - began
    is_answered.set()
    worker.join()
    assert response.status_code == 200
    assert response.json()["indexing"] == {
        "is_indexed": True, "pending": [], "dead": [], "hint": None,
    }  # fmt: skip
    assert took_s < 10


def test_at_the_time_limit_it_tells_what_is_pending(api: ApiClient) -> None:
    began = time.monotonic()
    response = api.post(PATH + "&timeout=0.3", batch("1", "2"))
    assert 0.2 < time.monotonic() - began < 5
    assert response.status_code == 202
    indexing = response.json()["indexing"]
    assert sorted(indexing["pending"]) == ["1", "2"]
    assert indexing["hint"] == waiting.TIME_OVER
    assert response.json()["counts"] == {"created": 2}


def test_it_tells_what_cannot_be_encoded_and_why(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = HashingEncoder.encode_documents

    def poisoned(self: HashingEncoder, texts: Any) -> Any:
        if any("text 2" in text for text in texts):
            raise ValueError("a poisonous text")
        return original(self, texts)

    monkeypatch.setattr(HashingEncoder, "encode_documents", poisoned)
    monkeypatch.setenv("EMBEDHUB_MAX_ATTEMPTS", "1")
    get_config.cache_clear()
    try:
        api.post("/collections/papers/documents", batch("1", "2"))
        encode_everything()
        response = api.post(PATH + "&timeout=1", batch("1", "2"))
    finally:
        monkeypatch.undo()
        get_config.cache_clear()
    assert response.status_code == 202
    indexing = response.json()["indexing"]
    assert indexing["pending"] == []
    assert [dead["external_id"] for dead in indexing["dead"]] == ["2"]
    assert "poisonous" in indexing["dead"][0]["reason"]
    status = api.get("/collections/papers/status").json()
    assert (status["n_dead"], status["is_indexed"]) == (1, False)
    dead = api.get("/collections/papers/dead").json()["items"]
    assert [(each["external_id"], each["attempts"] >= 1) for each in dead] == [("2", True)]
    retried = api.post("/collections/papers/dead/retry", {"chunk_ids": [dead[0]["chunk_id"]]})
    assert retried.json() == {"retried": 1}
    encode_everything()
    assert api.get("/collections/papers/status").json()["is_indexed"] is True


def test_half_of_the_web_threads_stay_free(api: ApiClient) -> None:
    seats = max(1, get_config().web_threads // 2)
    answers: list[Any] = []
    waiters = [
        threading.Thread(
            target=lambda n=n: answers.append(api.post(PATH + "&timeout=3", batch(str(n))))
        )
        for n in range(seats)
    ]
    for waiter in waiters:
        waiter.start()
    deadline = time.monotonic() + 10
    while waiting.seats()._value > 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    at_once = api.post(PATH + "&timeout=3", batch("one more"))
    assert time.monotonic() - began < 2
    assert at_once.status_code == 202
    assert at_once.json()["indexing"]["hint"] == waiting.TOO_MANY
    encode_everything()
    for waiter in waiters:
        waiter.join()
    assert {answer.status_code for answer in answers} == {200}
    assert waiting.seats()._value == seats


def test_without_wait_nothing_is_waited_for(api: ApiClient) -> None:
    response = api.post("/collections/papers/documents", batch("1"))
    assert response.status_code == 200
    assert response.json()["indexing"] is None
