"""Scores spread over near candidates: who stands among good ones is likely to be one of them.

The cluster hypothesis (van Rijsbergen 1979), as score regularization over the best candidates
(Diaz 2005): a feedback that adds no words and leaves each leg's part in the score visible.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from embedhub.search.fusion import Part, Ranked
from embedhub.search.nearness import Vectors
from embedhub.search.request import Leg

# The part of a score that comes from the near ones, and how many these are; chosen on judged sets
# (docs/decisions/scores-looked-up.md).
PART = 0.15
N_NEAREST = 8
# Only so many of the best fused candidates are compared with each other: all of two first pools.
MAX_COMPARED = 200


def spread(fused: Sequence[Ranked], vectors: Vectors) -> list[Ranked]:
    """Return the candidates with a part of their scores taken from the nearest, best first.

    `fused` is sorted, best first; `vectors` are those of the first MAX_COMPARED. What has no
    vector, and what stands behind these, keeps its score.
    """
    known = [one for one in fused[:MAX_COMPARED] if one.chunk_id in vectors]
    if len(known) < 2:
        return list(fused)
    scores = np.array([one.score for one in known])
    around = average_of_nearest(vectors.rows([one.chunk_id for one in known]), scores).tolist()
    moved = {one.chunk_id: _mixed(one, near) for one, near in zip(known, around, strict=True)}
    changed = [moved.get(one.chunk_id, one) for one in fused]
    return sorted(changed, key=lambda one: (-one.score, one.chunk_id))


def _mixed(one: Ranked, near: float) -> Ranked:
    """Return a candidate with the score of those around it as one more part."""
    # Built anew: `_replace` takes several times as long, and this is done for every candidate.
    score, account = (1 - PART) * one.score + PART * near, partial(_parts, one, near)
    return Ranked(one.chunk_id, one.document_id, score, account, one.adjustments, one.folded)


def _parts(before: Ranked, near: float) -> Sequence[Part]:
    parts = [part._replace(weight=(1 - PART) * part.weight) for part in before.parts]
    return [*parts, Part(Leg.NEIGHBORS, None, near, near, PART)]


def average_of_nearest(
    vectors: NDArray[np.float32], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each row the mean score of its nearest ones, weighed by squared cosine, (n,)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1)
    likeness = np.maximum(unit @ unit.T, 0).astype(np.float64) ** 2
    np.fill_diagonal(likeness, 0)
    place = len(scores) - min(N_NEAREST, len(scores) - 1)
    least = np.partition(likeness, place, axis=1)[:, place : place + 1]
    likeness[likeness < least] = 0
    total: NDArray[np.float64] = likeness.sum(axis=1)
    near: NDArray[np.float64] = likeness @ scores
    # Whoever is like nobody keeps what it has.
    return np.where(total > 0, near / np.where(total > 0, total, 1), scores)
