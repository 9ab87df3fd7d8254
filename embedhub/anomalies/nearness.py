"""How far rows are from others by meaning: neighbors, a sample of all rows, topics; pure.

Neighbors are given by their places among the rows, -1 for none, nearest first; all vectors have
unit length.
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Vectors = NDArray[np.float32]

# A group of rows that is smaller than this share of all does not make what it says usual.
GROUP_SHARE = 0.05
# Rows compared with the sample at once.
BLOCK = 1_024
# A row whose neighbor is as similar says the same.
SAME = 0.95
BURST_S = 3_600.0


def near_distances(similarities: NDArray[np.float32], is_usual: NDArray[np.bool_]) -> Floats:
    """Return the mean distance of each row to its neighbors; NaN of a row without any.

    `is_usual` says which neighbors count: confirmed anomalies make nothing usual.
    """
    counts = is_usual.sum(axis=1)
    sums = np.where(is_usual, similarities, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, 1.0 - sums / counts, np.nan)


def local_ratios(distances: Floats, neighbors: Places) -> Floats:
    """Return how much farther each row is from its neighbors than these are from theirs.

    The local outlier factor of Breunig et al. 2000 over mean distances. NaN without neighbors.
    """
    known = (neighbors >= 0) & np.isfinite(distances[neighbors])
    counts = known.sum(axis=1)
    sums = np.where(known, distances[neighbors], 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Copies are at no distance at all: a row beside them is not infinitely odd.
        usual = np.maximum(sums / counts, 0.01)
        return np.where(counts > 0, distances / usual, np.nan)


def group_rank(n_sample: int) -> int:
    """Return how many rows of a sample make a group large enough to be usual."""
    return max(1, round(GROUP_SHARE * n_sample))


def far_distances(vectors: Vectors, sample: Vectors, own: Places) -> Iterator[Floats]:
    """Yield, block by block, the distance within which each row finds its `group_rank`-th nearest.

    Small groups of rows that resemble each other are near to themselves, but not to so many.
    `own` is each row's place in the sample, -1 for none. NaN where the sample has no other row.
    """
    for start in range(0, len(vectors), BLOCK):
        found = vectors[start : start + BLOCK] @ sample.T
        inside = own[start : start + BLOCK]
        places = np.flatnonzero(inside >= 0)
        found[places, inside[places]] = -2.0
        yield ranked_distances(found)


def ranked_distances(similarities: Vectors) -> Floats:
    """Return 1 - the `group_rank`-th highest similarity of each row to a sample's rows."""
    n_sample = similarities.shape[1]
    if not n_sample:
        return np.full(len(similarities), np.nan)
    place = n_sample - min(group_rank(n_sample), n_sample)
    ranked = np.partition(similarities, place, axis=1)[:, place]
    return np.where(ranked < -1.5, np.nan, 1.0 - ranked.astype(np.float64))


def topic_distances(vectors: Vectors, centroids: Vectors) -> Floats:
    """Return the distance of each row to the nearest centroid."""
    if not len(centroids):
        return np.full(len(vectors), np.nan)
    nearest: Floats = (vectors @ centroids.T).max(axis=1).astype(np.float64)
    return 1.0 - nearest


def label_disagreement(labels: NDArray[np.int64], neighbors: Places) -> Floats:
    """Return the share of a row's labelled neighbors that have another label than it.

    Labels are numbers, -1 for none; NaN of a row without a label or without labelled neighbors.
    """
    found = np.where(neighbors >= 0, labels[neighbors], -1)
    known = found >= 0
    counts = known.sum(axis=1)
    others = (known & (found != labels[:, None])).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((counts > 0) & (labels >= 0), others / counts, np.nan)


def bursts(
    neighbors: Places, similarities: NDArray[np.float32], arrived_s: Floats
) -> tuple[Floats, Places]:
    """Return how much of a burst each row is part of, and how many rows say the same at that time.

    That is the number of neighbors that say the same and came within an hour of it, times the
    share of all rows that came at other times: of a collection loaded at once nothing is a burst.
    """
    order = np.sort(arrived_s)
    around = np.searchsorted(order, arrived_s + BURST_S, side="right") - np.searchsorted(
        order, arrived_s - BURST_S, side="left"
    )
    elsewhere = 1.0 - around / max(len(order), 1)
    is_same = (neighbors >= 0) & (similarities >= SAME)
    is_same &= np.abs(arrived_s[neighbors] - arrived_s[:, None]) <= BURST_S
    counts = is_same.sum(axis=1)
    return counts * elsewhere, counts.astype(np.int64)


def seconds_of(moments: list[datetime]) -> Floats:
    """Return moments as seconds."""
    return np.array([moment.timestamp() for moment in moments], dtype=np.float64)
