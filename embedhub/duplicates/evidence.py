"""What speaks for and against two texts being duplicates, signal by signal; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.duplicates.facts import agreement, contradictions
from embedhub.duplicates.fingerprints import Hashes
from embedhub.duplicates.traits import Traits

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The signals of a pair; shares are from 0, nothing in common, to 1, all.

    `jaccard` compares runs of words, `words` single ones, `letters` runs of three letters;
    `containment` is the share of the shorter text's words that the longer one has. `cosine` is None
    without vectors, `same_source` None where either has no source. `contradictions` are the kinds
    of facts in which the texts differ: such a pair is never merged by itself.
    """

    exact: bool
    jaccard: float
    words: float
    letters: float
    containment: float
    cosine: float | None
    length: float
    numbers: float
    dates: float
    units: float
    codes: float
    negation: float
    same_source: bool | None
    contradictions: tuple[str, ...]


def compare(
    left: Traits,
    right: Traits,
    *,
    cosine: float | None = None,
    sources: Sequence[str | None] = (None, None),
) -> Evidence:
    """Return the evidence of two texts; `sources` are where they come from, where that is known."""
    exact = left.hash is not None and left.hash == right.hash
    n_common = _n_common(left.words, left.word_counts, right.words, right.word_counts)
    n_grams = _n_common(left.grams, left.gram_counts, right.grams, right.gram_counts)
    fewest, most = sorted((left.n_words, right.n_words))
    ours, theirs = sources
    one, other = left.facts, right.facts
    return Evidence(
        exact=exact,
        jaccard=jaccard(left.shingles, right.shingles),
        words=n_common / max(left.n_words + right.n_words - n_common, 1),
        letters=2 * n_grams / max(int(left.gram_counts.sum() + right.gram_counts.sum()), 1),
        containment=n_common / max(fewest, 1),
        cosine=1.0 if exact and cosine is not None else cosine,
        length=fewest / most if most else 1.0,
        numbers=agreement(one.numbers, other.numbers),
        dates=agreement(one.months, other.months),
        units=agreement(one.units, other.units),
        codes=agreement(one.codes, other.codes),
        negation=float(one.n_negations == other.n_negations),
        same_source=None if ours is None or theirs is None else ours == theirs,
        contradictions=() if exact else tuple(contradictions(one, other)),
    )


def jaccard(left: Hashes, right: Hashes) -> float:
    """Return the share of runs of words that two texts have in common, of all in either."""
    common = len(np.intersect1d(left, right, assume_unique=True))
    in_all = len(left) + len(right) - common
    return common / in_all if in_all else 0.0


def _n_common(left: Hashes, ours: Counts, right: Hashes, theirs: Counts) -> int:
    """Return how many of one count are in the other, as often as in both."""
    _, at, there = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    return int(np.minimum(ours[at], theirs[there]).sum())
