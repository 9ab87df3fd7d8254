"""Texts to vectors for callers: which encoder a name stands for, and encoding in bounded slices."""

import base64
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedhub.access.caller import Caller
from embedhub.collections.service import get_collection
from embedhub.config import get_config
from embedhub.disconnects import Disconnected, ends_call_when_unwanted
from embedhub.encoders import (
    SUPPLIED,
    EncoderDescription,
    describe_encoder,
    encode_query,
    get_encoder,
    load_tokenizer,
)
from embedhub.errors import Busy, InvalidInput, NotFound, TooLarge

# Texts that one request encodes before the next one's turn comes.
SLICE = 32
QUERY, DOCUMENT = "query", "document"

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of some texts, in their order: shape (n, dimensions), each of length one.

    `truncated` are the places (from 0) of texts with more tokens than the encoder reads: their
    vectors are those of their beginnings. `n_tokens` counts what was read.
    """

    encoder: str
    vectors: Vectors
    n_tokens: int
    truncated: tuple[int, ...]


@lru_cache(maxsize=1)
def _seats() -> threading.BoundedSemaphore:
    # Answers may hold half of the threads: a quarter stays for searches and probes.
    return threading.BoundedSemaphore(max(1, get_config().web_threads // 4))


# One slice at a time: several would wait for each other's cores, and keep queries waiting.
_turn = threading.Lock()


def embed(
    caller: Caller,
    name: str,
    texts: Sequence[str],
    *,
    dimensions: int | None = None,
    input_type: str = DOCUMENT,
) -> Embedded:
    """Return the vectors of texts by an encoder's name, or by the encoder of a collection.

    `dimensions` keeps the first ones, made unit length again. Raises NotFound for a name that the
    caller may not know, InvalidInput and TooLarge naming the part, NotReady while an encoder's
    weights are missing, Busy when as many requests encode as may at once.
    """
    caller.require("read")
    check_texts(texts)
    encoder = find_encoder(caller, name)
    if dimensions is not None and not 1 <= dimensions <= encoder.dimension:
        raise InvalidInput(f"{encoder.name} has from 1 to {encoder.dimension}", "dimensions")
    n_tokens, truncated = count_tokens(encoder, texts)
    if not _seats().acquire(blocking=False):
        raise Busy("as many texts as this server encodes at once are being encoded", 1)
    try:
        vectors = _encode(encoder.name, texts, input_type)
    finally:
        _seats().release()
    return Embedded(encoder.name, shortened(vectors, dimensions), n_tokens, truncated)


def check_texts(texts: Sequence[str]) -> None:
    """Return if these can be encoded in one request; raises InvalidInput and TooLarge."""
    config = get_config()
    if not texts:
        raise InvalidInput("must hold at least one text", "input")
    if len(texts) > config.max_embedding_texts:
        raise TooLarge(f"at most {config.max_embedding_texts:,} texts", "input")
    for place, text in enumerate(texts):
        if not text.strip():
            raise InvalidInput(
                "must not be empty", "input" if len(texts) == 1 else f"input.{place}"
            )
    if sum(map(len, texts)) > config.max_embedding_chars:
        raise TooLarge(f"at most {config.max_embedding_chars:,} characters in all texts", "input")


def find_encoder(caller: Caller, name: str) -> EncoderDescription:
    """Return the encoder of this name, or that of the collection of this slug."""
    try:
        return describe_encoder(name)
    except InvalidInput:
        pass
    try:
        encoder = get_collection(caller, name).encoder
    except NotFound:
        raise NotFound("model", name) from None
    if encoder == SUPPLIED:
        raise InvalidInput(
            "the vectors of this collection are supplied: it has no encoder", "model"
        )
    return describe_encoder(encoder)


def count_tokens(encoder: EncoderDescription, texts: Sequence[str]) -> tuple[int, tuple[int, ...]]:
    """Return how many tokens the encoder reads of these texts, and which it cuts."""
    encodings = load_tokenizer(encoder.name).encode_batch_fast(list(texts))
    lengths = [len(encoding.ids) for encoding in encodings]
    most = encoder.max_tokens
    cut = tuple(place for place, length in enumerate(lengths) if length > most)
    return sum(min(length, most) for length in lengths), cut


def shortened(vectors: Vectors, dimensions: int | None) -> Vectors:
    """Return the first dimensions of each vector at unit length, all of them for None."""
    if dimensions is None or dimensions == vectors.shape[1]:
        return vectors
    kept = vectors[:, :dimensions].astype(np.float64)
    norms = np.linalg.norm(kept, axis=1, keepdims=True)
    # What lies in the other dimensions alone has no direction here.
    unit: Vectors = (kept / np.where(norms > 0, norms, 1)).astype(np.float32)
    return unit


def to_base64(vector: Vectors) -> str:
    """Return a vector as base64 of little-endian float32."""
    return base64.b64encode(np.ascontiguousarray(vector, dtype="<f4").tobytes()).decode()


def _encode(name: str, texts: Sequence[str], input_type: str) -> Vectors:
    if input_type == QUERY and len(texts) == 1:
        # As a search does it: encoded with others that wait, and kept for the next time.
        return encode_query(name, texts[0])[None, :]
    encoder = get_encoder(name)
    encode = encoder.encode_queries if input_type == QUERY else encoder.encode_documents
    has_left = threading.Event()
    parts = []
    with ends_call_when_unwanted(has_left.set):
        for start in range(0, len(texts), SLICE):
            if has_left.is_set():
                raise Disconnected("the client has disconnected")
            with _turn:
                parts.append(encode(texts[start : start + SLICE]))
    return np.concatenate(parts)
