"""Queries of several threads: alone at once, together when they wait, each with its own end."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

import numpy as np
import pytest
from numpy.typing import NDArray

from embedhub.encoders import query_batches
from embedhub.encoders.query_batches import QueryBatcher

TIMEOUT_S = 20


class Gate:
    """Encodes a text as its length; a batch that holds "slow" waits until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.entered = Event()
        self.opened = Event()
        self._lock = Lock()

    def encode_all(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            self.batches.append(list(texts))
        if "slow" in texts:
            self.entered.set()
            assert self.opened.wait(TIMEOUT_S)
        if any("bad" in text for text in texts):
            raise ValueError("cannot be encoded")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def wait_for(batcher: QueryBatcher, n_waiting: int) -> None:
    waited = Event()
    for _ in range(2_000):
        if len(batcher._waiting) == n_waiting:
            return
        waited.wait(0.005)
    raise AssertionError(f"{len(batcher._waiting)} queries wait, not {n_waiting}")


def send(
    pool: ThreadPoolExecutor, batcher: QueryBatcher, texts: Sequence[str]
) -> dict[str, Future[NDArray[np.float32]]]:
    """Let queries wait behind a slow one, in this order."""
    sent = {}
    for n_waiting, text in enumerate(texts, start=1):
        sent[text] = pool.submit(batcher.encode, text)
        wait_for(batcher, n_waiting)
    return sent


def test_a_query_alone_is_encoded_in_its_own_thread_at_once(gate: Gate) -> None:
    batcher = QueryBatcher(gate.encode_all, at_once=1)
    assert batcher.encode("four")[0] == 4
    assert batcher.encode("seven")[0] == 5
    assert gate.batches == [["four"], ["seven"]]


def test_queries_that_wait_are_encoded_together(gate: Gate) -> None:
    batcher = QueryBatcher(gate.encode_all, at_once=1)
    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(batcher.encode, "slow")
        assert gate.entered.wait(TIMEOUT_S)
        sent = send(pool, batcher, ["a", "bb", "ccc"])
        gate.opened.set()
        assert slow.result(TIMEOUT_S)[0] == 4
        assert {text: found.result(TIMEOUT_S)[0] for text, found in sent.items()} == {
            "a": 1,
            "bb": 2,
            "ccc": 3,
        }
    assert gate.batches == [["slow"], ["a", "bb", "ccc"]]
    assert batcher.encode("alone again")[0] == 11


def test_a_query_that_fails_does_not_fail_those_beside_it(gate: Gate) -> None:
    batcher = QueryBatcher(gate.encode_all, at_once=1)
    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(batcher.encode, "slow")
        assert gate.entered.wait(TIMEOUT_S)
        sent = send(pool, batcher, ["bad", "good", "bad too"])
        gate.opened.set()
        assert slow.result(TIMEOUT_S)[0] == 4
        assert sent["good"].result(TIMEOUT_S)[0] == 4
        for text in ("bad", "bad too"):
            with pytest.raises(ValueError, match="cannot be encoded"):
                sent[text].result(TIMEOUT_S)
    with pytest.raises(ValueError, match="cannot be encoded"):
        batcher.encode("bad")
    assert batcher.encode("good")[0] == 4


def test_the_same_query_is_encoded_once_a_batch(gate: Gate) -> None:
    batcher = QueryBatcher(gate.encode_all, at_once=1)
    with ThreadPoolExecutor(8) as pool:
        pool.submit(batcher.encode, "slow")
        assert gate.entered.wait(TIMEOUT_S)
        twice = [pool.submit(batcher.encode, "same") for _ in range(2)]
        wait_for(batcher, 2)
        gate.opened.set()
        assert [found.result(TIMEOUT_S)[0] for found in twice] == [4, 4]
    assert gate.batches == [["slow"], ["same"]]


def test_a_slow_batch_does_not_hold_up_a_second_one(gate: Gate) -> None:
    batcher = QueryBatcher(gate.encode_all, at_once=2)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(batcher.encode, "slow")
        assert gate.entered.wait(TIMEOUT_S)
        assert batcher.encode("quick")[0] == 5
        gate.opened.set()
        assert slow.result(TIMEOUT_S)[0] == 4


def test_batches_are_bounded_and_none_is_forgotten(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_batches, "MAX_BATCH", 2)
    batcher = QueryBatcher(gate.encode_all, at_once=2)
    texts = [f"text {n}" for n in range(200)]
    with ThreadPoolExecutor(16) as pool:
        vectors = list(pool.map(batcher.encode, texts, timeout=TIMEOUT_S))
    assert [int(vector[0]) for vector in vectors] == [len(text) for text in texts]
    assert max(map(len, gate.batches)) <= 2
    assert batcher._n_free == 2
