"""What a text is compared by, computed once for all its comparisons; pure."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.duplicates.facts import Facts, facts_of
from embedhub.duplicates.fingerprints import (
    Bands,
    Hashes,
    bands_of,
    shingle_hashes,
    word_hashes,
    words_of,
)
from embedhub.duplicates.normalising import normalized, text_hash

GRAM_CHARS = 3
# Of a long text its beginning is compared letter by letter.
MAX_GRAM_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Traits:
    """A text's hash, words, runs of words and letters with their counts, and facts.

    `hash` is None for a text without anything to compare. `grams` are sorted, each once.
    """

    hash: bytes | None
    n_words: int
    words: Hashes
    word_counts: NDArray[np.int64]
    shingles: Hashes
    grams: Hashes
    gram_counts: NDArray[np.int64]
    facts: Facts

    @property
    def bands(self) -> Bands:
        """Return the bands that near copies share."""
        return bands_of(self.shingles)


@dataclass(frozen=True, slots=True)
class Print:
    """What of a text is stored: its hash, None for nothing to compare, words counted, and bands."""

    hash: bytes | None
    n_words: int
    bands: Bands


EMPTY = np.empty(0, dtype=np.uint64)
NO_FACTS = Facts(Counter(), Counter(), Counter(), Counter(), 0)


def traits_of(text: str, title: str = "") -> Traits:
    """Return what a text is compared by; a title that it does not begin with is a part of it."""
    plain = _plain(text, title)
    words = words_of(plain)
    hashes = word_hashes(words)
    distinct, counts = np.unique(hashes, return_counts=True)
    grams, gram_counts = letter_grams(" ".join(words)[:MAX_GRAM_CHARS])
    return Traits(
        hash=text_hash(plain),
        n_words=len(words),
        words=distinct,
        word_counts=counts,
        shingles=shingle_hashes(hashes),
        grams=grams,
        gram_counts=gram_counts,
        facts=facts_of(plain),
    )


def print_of(text: str, title: str = "") -> Print:
    """Return of a text's traits what is stored, in two thirds of the time that all of them take."""
    plain = _plain(text, title)
    words = words_of(plain)
    return Print(text_hash(plain), len(words), bands_of(shingle_hashes(word_hashes(words))))


def _plain(text: str, title: str) -> str:
    return normalized(text if not title or text.startswith(title) else f"{title}\n{text}")


def letter_grams(text: str) -> tuple[Hashes, NDArray[np.int64]]:
    """Return the runs of three characters of a text and how often each occurs."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    if len(points) < GRAM_CHARS:
        points = np.pad(points, (0, GRAM_CHARS - len(points))) if len(points) else points
    if not len(points):
        return EMPTY, np.empty(0, dtype=np.int64)
    # Code points have 21 bits.
    runs = points[:-2] << np.uint64(42) | points[1:-1] << np.uint64(21) | points[2:]
    return np.unique(runs, return_counts=True)
