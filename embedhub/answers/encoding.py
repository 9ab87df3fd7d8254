"""Texts as vectors for answers; never waits long for an encoder, never within a transaction."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedhub.answers.context import CountTokens
from embedhub.config import get_config
from embedhub.documents.chunking import count_tokens
from embedhub.encoders import SUPPLIED, encode_query, get_encoder, load_tokenizer
from embedhub.encoders.query_cache import QueryCache
from embedhub.search.question import ensure_loaded

Vectors = NDArray[np.float32]
# What stands for tokens where there is no tokenizer.
WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")


def vectors_of(
    encoder: str | None, question: str, texts: Sequence[str]
) -> tuple[Vectors, Vectors] | None:
    """Return the vectors of a question (d,) and of texts (n, d), of unit length.

    None if the encoder is not to be had: there is none, or it is still being loaded.
    """
    told = text_vectors(encoder, texts)
    if told is None or encoder is None:
        return None
    # The search has just encoded it: this comes from memory.
    return encode_query(encoder, question), told


@lru_cache(maxsize=1)
def _kept() -> QueryCache:
    """Return this process's vectors of sentences: what is asked about is asked about again."""
    return QueryCache(get_config().sentence_cache_size)


def text_vectors(encoder: str | None, texts: Sequence[str]) -> Vectors | None:
    """Return the vectors of texts (n, d), of unit length; None if the encoder is not to be had."""
    if encoder is None or encoder == SUPPLIED or not texts or not ensure_loaded(encoder):
        return None
    loaded, kept = get_encoder(encoder), _kept()
    key = loaded.description.key
    remembered = {text: kept.get(key, text) for text in dict.fromkeys(texts)}
    found = {text: vector for text, vector in remembered.items() if vector is not None}
    missing = [text for text in remembered if text not in found]
    if missing:
        for text, vector in zip(missing, loaded.encode_documents(missing), strict=True):
            # A copy: a view would keep the vectors of all that were encoded with it.
            found[text] = np.array(vector, dtype=np.float32)
            kept.put(key, text, found[text])
    return np.stack([found[text] for text in texts])


def token_counter(encoder: str | None) -> CountTokens:
    """Return what counts the tokens of a text: an encoder's own, or words and signs."""
    if encoder is None or encoder == SUPPLIED:
        return lambda text: len(WORD_OR_SIGN.findall(text))
    tokenizer = load_tokenizer(encoder)
    return lambda text: count_tokens(text, tokenizer)
