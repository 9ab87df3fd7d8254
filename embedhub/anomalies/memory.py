"""What decisions teach: rows near an accepted one are usual, near a confirmed one they are not.

Pure. A row is compared by vectors where there are some, else by words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.anomalies.lexical import Bags, Sample, Vocabulary, sample_of

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

# A text that was decided about is recognised whatever vectors make of it.
RECOGNISED = 1.0


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows of one verdict: their texts' hashes, and the words and vectors of some of them."""

    hashes: frozenset[bytes]
    words: Sample | None
    vectors: Vectors | None

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was decided that way."""
        return not self.hashes


@dataclass(frozen=True, slots=True)
class Memory:
    """What was accepted and what was confirmed; `last_id` is the newest decision among them."""

    accepted: Examples
    confirmed: Examples
    last_id: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """How near rows are to accepted and to confirmed ones, 0 to 1.

    0 is as near as rows usually are to their nearest, 1 is the same.
    """

    accepted: Floats
    confirmed: Floats


def examples_of(
    hashes: Sequence[bytes], bags: Bags, vocabulary: Vocabulary, vectors: Vectors | None
) -> Examples:
    """Return examples whose words (and vectors, of the same rows) others are compared with."""
    words = sample_of(bags, vocabulary.weights(bags)) if len(bags) else None
    return Examples(frozenset(hashes), words, vectors)


def closeness(
    examples: Examples,
    hashes: Sequence[bytes],
    bags: Bags,
    vectors: Vectors | None,
    vocabulary: Vocabulary,
    *,
    usual_similarity: float,
    usual_overlap: float,
) -> Floats:
    """Return how near each row is to the nearest example."""
    near = np.zeros(len(hashes))
    if examples.is_empty:
        return near
    similar, usual = _similarities(examples, bags, vectors, vocabulary), usual_similarity
    if similar is None or examples.vectors is None or vectors is None:
        usual = usual_overlap
    if similar is not None and similar.shape[1]:
        near = np.clip((similar.max(axis=1) - usual) / (1.0 - usual), 0.0, 1.0)
    is_same = np.array([one in examples.hashes for one in hashes], dtype=bool)
    near[is_same] = RECOGNISED
    return near


def _similarities(
    examples: Examples, bags: Bags, vectors: Vectors | None, vocabulary: Vocabulary
) -> Floats | None:
    """Return the cosine of each row with each example, (n, examples); None without any."""
    if vectors is not None and examples.vectors is not None:
        return np.asarray(vectors @ examples.vectors.T, dtype=np.float64)
    if examples.words is None:
        return None
    weights = vocabulary.weights(bags)
    rows = []
    for start, stop in zip(bags.starts[:-1].tolist(), bags.starts[1:].tolist(), strict=True):
        rows.append(examples.words.similarities(bags.buckets[start:stop], weights[start:stop]))
    return np.array(rows).reshape(len(bags), examples.words.n_rows)


def recalled_scores(scores: Floats, recalled: Recalled, limit: float) -> Floats:
    """Return scores after what was decided: lowered near accepted rows, raised near confirmed ones.

    What is the same as an accepted row scores 0; what is the same as a confirmed one, beyond
    `limit`, which a score has to exceed to be flagged.
    """
    return np.asarray(
        scores * (1.0 - recalled.accepted) + (limit + 1.0) * recalled.confirmed, dtype=np.float64
    )
