"""Encoded queries kept in memory, so that a repeated question costs no encoding."""

from collections import OrderedDict
from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from embedhub.config import get_config, usable_cores
from embedhub.encoders.protocol import Encoder
from embedhub.encoders.query_batches import QueryBatcher
from embedhub.encoders.registry import describe_encoder, get_encoder
from embedhub.errors import HubError

# By the encoder's key.
_batchers: dict[str, QueryBatcher] = {}


class QueryCache:
    """The most recently used query vectors, at most `size` of them; safe for several threads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._lock = Lock()
        self._vectors: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, encoder_key: str, text: str) -> NDArray[np.float32] | None:
        """Return the vector kept for this encoder and text, None if there is none."""
        with self._lock:
            vector = self._vectors.get((encoder_key, text))
            if vector is not None:
                self._vectors.move_to_end((encoder_key, text))
            return vector

    def put(self, encoder_key: str, text: str, vector: NDArray[np.float32]) -> None:
        """Keep the vector (made read-only: it is shared), dropping the least recently used."""
        vector.flags.writeable = False
        with self._lock:
            self._vectors[encoder_key, text] = vector
            self._vectors.move_to_end((encoder_key, text))
            while len(self._vectors) > self.size:
                self._vectors.popitem(last=False)


@lru_cache(maxsize=1)
def process_cache() -> QueryCache:
    """Return this process's cache, of the configured size."""
    return QueryCache(get_config().query_cache_size)


def _batcher(encoder: Encoder) -> QueryBatcher:
    key = encoder.description.key
    found = _batchers.get(key)
    if found is not None:
        return found
    at_once = get_config().encoder_threads or usable_cores()
    # Of two threads that come here at once, one's batcher is kept.
    return _batchers.setdefault(key, QueryBatcher(encoder.encode_queries, at_once))


def is_known_query(encoder_name: str, text: str) -> bool:
    """Say whether a query's vector is in the cache; False too where its encoder is not there."""
    try:
        key = describe_encoder(encoder_name).key
    except HubError:
        return False
    return process_cache().get(key, text) is not None


def encode_query(encoder_name: str, text: str) -> NDArray[np.float32]:
    """Return the read-only unit vector of a query, from the cache if it was asked before."""
    encoder = get_encoder(encoder_name)
    cache = process_cache()
    key = encoder.description.key
    vector = cache.get(key, text)
    if vector is None:
        vector = _batcher(encoder).encode(text)
        cache.put(key, text, vector)
    return vector
