"""Whoever stores items can wait until they are found by meaning."""

import threading

import pytest

from embedhub.access.caller import Caller
from embedhub.catalog.indexing import wait
from embedhub.config import get_config
from embedhub.documents import waiting
from embedhub.encoders.hashing import HashingEncoder
from embedhub.errors import NotFound
from embedhub.spaces.members import Subject
from tests.catalog.factories import make_catalog, send_items, send_users
from tests.factories import encode_everything


@pytest.fixture(autouse=True)
def films(caller: Caller) -> None:
    make_catalog(caller)
    waiting.seats.cache_clear()
    send_items(caller, {"external_id": "alien", "fields": {"title": "Alien"}})
    send_users(caller, {"external_id": "ann", "text": "likes films"}, {"external_id": "bob"})


def test_at_the_time_limit_it_tells_what_is_pending(caller: Caller, stranger: Caller) -> None:
    state = wait(caller, "films", Subject.ITEM, ["alien"], 0)
    assert (state.is_indexed, state.pending, state.hint) == (False, ["alien"], waiting.TIME_OVER)
    assert wait(caller, "films", Subject.USER, ["ann", "bob"], 0).pending == ["ann"]
    with pytest.raises(NotFound):
        wait(stranger, "films", Subject.ITEM, ["alien"], 0)


def test_the_answer_comes_when_everything_is_encoded(caller: Caller) -> None:
    worker = threading.Thread(target=encode_everything)
    worker.start()
    state = wait(caller, "films", Subject.ITEM, ["alien"], 30)
    worker.join()
    assert (state.is_indexed, state.pending, state.dead) == (True, [], [])


def test_it_tells_what_cannot_be_encoded_and_why(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(self: HashingEncoder, texts: object) -> object:
        raise ValueError("a poisonous text")

    monkeypatch.setattr(HashingEncoder, "encode_documents", poisoned)
    monkeypatch.setenv("EMBEDHUB_MAX_ATTEMPTS", "1")
    get_config.cache_clear()
    try:
        encode_everything()
        state = wait(caller, "films", Subject.ITEM, ["alien"], 0)
    finally:
        monkeypatch.undo()
        get_config.cache_clear()
    assert (state.is_indexed, state.pending) == (False, [])
    assert [one.external_id for one in state.dead] == ["alien"]
    assert "poisonous" in state.dead[0].reason
