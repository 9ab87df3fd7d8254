"""Fingerprints of texts: hashes of their words' runs, and MinHash bands that near copies share.

Hashes are the same in every process, for they are stored. Pure.
"""

import re
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedhub.search.analysis import UNSPACED

WORD = re.compile(r"\w+")
# Runs of so many words tell texts apart; of short texts, shorter runs are enough and more remain.
SHINGLE_WORDS, SHORT_SHINGLE_WORDS = 3, 2
SHORT_WORDS = 40
MAX_WORDS = 20_000
PERMUTATIONS = 128
# Two texts meet in a band with probability 1 - (1 - J^5)^25: 0.99 at a Jaccard of 0.7, 0.55 at 0.5.
BANDS, ROWS = 25, 5
SEED = 1

Hashes = NDArray[np.uint64]
Bands = NDArray[np.int32]
MIX = np.uint64(0x9E3779B97F4A7C15)


def words_of(plain: str) -> list[str]:
    """Return the words of a normalized text; in scripts without spaces each character is one."""
    spaced = UNSPACED.sub(lambda run: f" {' '.join(run[0])} ", plain)
    return WORD.findall(spaced)[:MAX_WORDS]


@lru_cache(maxsize=200_000)
def word_hash(word: str) -> int:
    """Return 64 bits of a word: two checksums with different beginnings."""
    raw = word.encode()
    return zlib.crc32(raw) << 32 | zlib.crc32(raw, 0x5BD1E995)


def word_hashes(words: list[str]) -> Hashes:
    """Return the hashes of words in order, shape (n,)."""
    return np.fromiter(map(word_hash, words), dtype=np.uint64, count=len(words))


def shingle_hashes(hashes: Hashes) -> Hashes:
    """Return the hashes of a text's runs of words, each once, sorted; of very few words, theirs."""
    size = SHINGLE_WORDS if len(hashes) >= SHORT_WORDS else SHORT_SHINGLE_WORDS
    size = min(size, max(len(hashes), 1))
    n_runs = len(hashes) - size + 1
    runs = np.zeros(max(n_runs, 0), dtype=np.uint64)
    for place in range(size):
        runs = mixed(runs * MIX + hashes[place : place + n_runs])
    return np.unique(runs)


def mixed(values: Hashes) -> Hashes:
    """Return values whose bits depend on all of theirs (splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def bands_of(shingles: Hashes) -> Bands:
    """Return the band hashes of a text's shingles, shape (25,); of none, shape (0,).

    Two texts share a band at some place only if its five minima are the same there.
    """
    if not len(shingles):
        return np.empty(0, dtype=np.int32)
    minima = signature(shingles)[: BANDS * ROWS].astype(np.uint64).reshape(BANDS, ROWS)
    folded = np.arange(1, BANDS + 1, dtype=np.uint64)
    for row in range(ROWS):
        folded = mixed(folded * MIX + minima[:, row])
    return (folded >> np.uint64(32)).astype(np.uint32).view(np.int32)


def signature(shingles: Hashes) -> NDArray[np.uint32]:
    """Return the MinHash of shingles, shape (128,)."""
    from datasketch import MinHash

    sketch = MinHash(
        num_perm=PERMUTATIONS,
        seed=SEED,
        hashfunc=int,
        permutations=_permutations(),
        scheme="affine32",
    )
    sketch.update_batch((shingles >> np.uint64(32)).tolist())
    found: NDArray[np.uint32] = sketch.digest()
    return found


@lru_cache(maxsize=1)
def _permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    from datasketch import MinHash

    made: tuple[NDArray[np.uint32], NDArray[np.uint32]] = MinHash(
        num_perm=PERMUTATIONS, seed=SEED, scheme="affine32"
    ).permutations
    return made
