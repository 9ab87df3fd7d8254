"""How alike candidates are to each other: by their vectors, or by runs of words; pure."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from embedhub.search.analysis import UNSPACED

SHINGLE_WORDS = 3
# Of a long passage its beginning decides.
MAX_COMPARED_WORDS = 2_000
WORD = re.compile(r"\w+")


def cosines(
    vectors: Mapping[int, NDArray[np.float32]], chunk_ids: Sequence[int]
) -> NDArray[np.float32]:
    """Return the cosine of every two chunks, (n, n); 0 where one of them has no vector."""
    n = len(chunk_ids)
    dimension = next((len(vector) for vector in vectors.values()), 1)
    rows = np.zeros((n, dimension), dtype=np.float32)
    for position, chunk_id in enumerate(chunk_ids):
        if chunk_id in vectors:
            rows[position] = vectors[chunk_id]
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    unit = np.divide(rows, norms, out=np.zeros(rows.shape, np.float64), where=norms > 0)
    found: NDArray[np.float32] = np.clip(unit @ unit.T, -1, 1).astype(np.float32)
    return found


def shingle_overlaps(texts: Mapping[int, str], chunk_ids: Sequence[int]) -> NDArray[np.float32]:
    """Return for every two chunks the share of word triples they have in common, (n, n).

    The share is of all that either holds (Jaccard); 0 for chunks without words.
    """
    n = len(chunk_ids)
    found = np.zeros((n, n), dtype=np.float32)
    shingles = [shingles_of(texts.get(chunk_id, "")) for chunk_id in chunk_ids]
    for left in range(n):
        own = shingles[left]
        found[left, left] = bool(own)
        for right in range(left + 1, n):
            other = shingles[right]
            common = len(own & other)
            if common:
                found[left, right] = found[right, left] = common / (len(own) + len(other) - common)
    return found


def shingles_of(text: str) -> frozenset[int]:
    """Return the runs of three words of a text; of a shorter one, itself.

    In scripts without spaces between words each character is one.
    """
    spaced = UNSPACED.sub(lambda run: " ".join(run[0]), text.casefold())
    words = WORD.findall(spaced)[:MAX_COMPARED_WORDS]
    if not words:
        return frozenset()
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return frozenset(hash(tuple(words[at : at + SHINGLE_WORDS])) for at in range(last))
