"""How good a fit is, as far as that can be told without labels; pure."""

import numpy as np

from embedhub.topics.grouping import NONE
from embedhub.topics.neighborhood import Floats, Integers, Neighborhood

SAMPLE = 2_000
# The places and neighbours compared, as trustworthiness@15 has them.
NEAREST = 15


def silhouette(rows: Floats, labels: Integers, *, seed: int = 0) -> float | None:
    """Return the mean silhouette of a sample of the grouped rows; None with fewer than two groups.

    From -1 to 1: how much nearer rows are to their own group than to the next one.
    """
    from sklearn.metrics import silhouette_score

    grouped = np.flatnonzero(labels != NONE)
    if len(grouped) > SAMPLE:
        grouped = np.sort(np.random.default_rng(seed).choice(grouped, SAMPLE, replace=False))
    n_groups = len(np.unique(labels[grouped]))
    if not 2 <= n_groups < len(grouped):
        return None
    return float(silhouette_score(rows[grouped], labels[grouped]))


def agreement(one: Integers, other: Integers) -> float | None:
    """Return the adjusted Rand index of two groupings of the same rows: 1 for equal ones.

    Rows that either leaves over are left out; None if none are left.
    """
    from sklearn.metrics import adjusted_rand_score

    both = (one != NONE) & (other != NONE)
    if both.sum() < 2:
        return None
    return float(adjusted_rand_score(one[both], other[both]))


def kept_neighbors(places: Floats, given: Neighborhood, *, seed: int = 0) -> float | None:
    """Return which share of the 15 nearest on the map are among the 15 nearest in the graph.

    Over a sample of the rows; None where there are too few.
    """
    n, k = len(given), min(NEAREST, given.neighbors.shape[1])
    if n <= NEAREST + 1 or k < 1:
        return None
    from scipy.spatial import KDTree

    rows = np.arange(n)
    if n > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(n, SAMPLE, replace=False))
    _, found = KDTree(places).query(places[rows], k=k + 1)
    near = given.neighbors[rows, :k]
    shares = [
        len((set(own.tolist()) - {int(row)}) & set(true.tolist())) / k
        for row, own, true in zip(rows, found, near, strict=True)
    ]
    return float(np.mean(shares))
