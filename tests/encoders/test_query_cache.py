"""A repeated query is not encoded again; the cache stays small and its vectors unchangeable."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from embedhub.encoders import encode_query, get_encoder
from embedhub.encoders.query_cache import QueryCache, process_cache


def vector(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(2, value, dtype=np.float32)


def test_the_least_recently_used_goes_first() -> None:
    cache = QueryCache(2)
    cache.put("e", "a", vector(1))
    cache.put("e", "b", vector(2))
    assert cache.get("e", "a") is not None
    cache.put("e", "c", vector(3))
    assert cache.get("e", "b") is None
    assert cache.get("e", "a") is not None
    assert len(cache) == 2


def test_another_encoder_has_another_vector() -> None:
    cache = QueryCache(10)
    cache.put("one@1", "text", vector(1))
    assert cache.get("one@2", "text") is None


def test_size_nought_keeps_nothing() -> None:
    cache = QueryCache(0)
    cache.put("e", "a", vector(1))
    assert cache.get("e", "a") is None


def test_a_kept_vector_cannot_be_changed_by_its_readers() -> None:
    first = encode_query("hashing-64", "a question asked twice")
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 9
    assert encode_query("hashing-64", "a question asked twice") is first


def test_many_threads_get_right_vectors() -> None:
    texts = [f"query number {number % 50}" for number in range(500)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: encode_query("hashing-64", text), texts))
    assert np.array_equal(np.stack(found), get_encoder("hashing-64").encode_documents(texts))
    assert len(process_cache()) <= process_cache().size
