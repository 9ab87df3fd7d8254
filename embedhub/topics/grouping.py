"""Rows into groups: by density, or into so many groups as somebody wants; pure.

Labels are int64[n], 0, 1, ... by size, the largest first; -1: in no group.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from embedhub.topics.neighborhood import Floats, Integers, Neighborhood

NONE = -1
# Groups of fewer rows are no topics.
FEWEST = 15
MIN_SAMPLES = 5
# So few are grouped before the compiler that the fast way needs is done.
SLOWLY = 2_000
# Of so many rows a share of groups is estimated from.
SAMPLE = 10_000
STARTS = 10
ITERATIONS = 100
# A row that was left over joins the nearest group if it is as near as nine tenths of its rows.
OUTER = 90
VOTES = 10
CANDIDATES = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100)


class Method(StrEnum):
    """How rows are grouped."""

    HDBSCAN = "hdbscan"
    KMEANS = "kmeans"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Labels, and which rows density had left over and joined the nearest group."""

    labels: Integers
    is_soft: NDArray[np.bool_]


def smallest_group(n_rows: int, wanted: int | None = None) -> int:
    """Return how many rows a group has at least: 15, of many rows a thousandth, of few a tenth."""
    if wanted is not None:
        return wanted
    return max(min(FEWEST, n_rows // 10), 2, n_rows // 1_000)


def by_density(places: Floats, *, min_size: int) -> Integers:
    """Return the groups of rows that lie dense (HDBSCAN); what lies between them is in none.

    `places` are float[n, few dimensions].
    """
    n = len(places)
    if n <= min_size:
        return np.full(n, NONE, np.int64)
    if np.ptp(places, axis=0).max() == 0:
        # All are at one place: as dense as can be, and nothing for a tree to branch at.
        return np.zeros(n, np.int64)
    rows = np.ascontiguousarray(places, dtype=np.float64)
    samples = min(MIN_SAMPLES, n - 1)
    if n <= SLOWLY:
        from sklearn import cluster

        slow = cluster.HDBSCAN(min_cluster_size=min_size, min_samples=samples, copy=True)
        return by_size(slow.fit_predict(rows))
    from fast_hdbscan import HDBSCAN

    return by_size(HDBSCAN(min_cluster_size=min_size, min_samples=samples).fit_predict(rows))


def by_means(rows: Floats, k: int, *, seed: int | None = None) -> Integers:
    """Return k groups of about equal spread (k-means, the best of several starts by inertia)."""
    from sklearn.cluster import KMeans

    k = min(k, len(np.unique(rows[:SAMPLE], axis=0)) if len(rows) <= SAMPLE else k)
    if k <= 1:
        return np.zeros(len(rows), np.int64)
    # Above so many rows a start is chosen on a sample: every row of them costs the same again.
    random = np.random.default_rng(seed)
    sample = rows if len(rows) <= 2 * SAMPLE else rows[random.choice(len(rows), SAMPLE, False)]
    first = KMeans(k, n_init=STARTS, max_iter=ITERATIONS, random_state=seed).fit(sample)
    if len(sample) == len(rows):
        return by_size(first.labels_.astype(np.int64))
    whole = KMeans(k, init=first.cluster_centers_, n_init=1, max_iter=ITERATIONS).fit(rows)
    return by_size(whole.labels_.astype(np.int64))


def choose_k(rows: Floats, *, seed: int | None = None) -> int:
    """Return the number of groups whose silhouette is best on a sample of the rows."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    random = np.random.default_rng(seed)
    sample = rows if len(rows) <= SAMPLE else rows[random.choice(len(rows), SAMPLE, False)]
    best, best_score = 1, -math.inf
    n_different = len(np.unique(sample, axis=0))
    for k in CANDIDATES:
        if k >= n_different or k > len(sample) // 2:
            break
        labels = KMeans(k, n_init=1, max_iter=30, random_state=seed).fit_predict(sample)
        score = silhouette_score(
            sample, labels, sample_size=min(len(sample), 2_000), random_state=seed or 0
        )
        if score > best_score:
            best, best_score = k, score
    return best


def join_nearest(labels: Integers, rows: Floats) -> Grouping:
    """Let rows in no group join the group with the nearest mean, where they are near enough.

    Near enough is what nine tenths of the group's own rows are to its mean.
    """
    joined, is_soft = labels.copy(), np.zeros(len(labels), bool)
    left = np.flatnonzero(labels == NONE)
    if len(left) in (0, len(labels)):
        return Grouping(joined, is_soft)
    means = means_of(labels, rows)
    grouped = np.flatnonzero(labels != NONE)
    own = np.linalg.norm(rows[grouped] - means[labels[grouped]], axis=1)
    limits = np.array(
        [np.percentile(own[labels[grouped] == group], OUTER) for group in range(len(means))]
    )
    for start in range(0, len(left), SAMPLE):
        some = left[start : start + SAMPLE]
        # |row - mean|² without |row|², which is the same for every mean.
        squares = (means**2).sum(axis=1) - 2 * rows[some] @ means.T
        nearest = squares.argmin(axis=1)
        is_near = np.linalg.norm(rows[some] - means[nearest], axis=1) <= limits[nearest]
        joined[some[is_near]] = nearest[is_near]
        is_soft[some[is_near]] = True
    return Grouping(joined, is_soft)


def means_of(labels: Integers, rows: Floats) -> Floats:
    """Return the mean row of each group, float32[groups, d]."""
    grouped = labels != NONE
    means = np.zeros((int(labels.max()) + 1, rows.shape[1]), np.float64)
    np.add.at(means, labels[grouped], rows[grouped])
    counts = np.bincount(labels[grouped], minlength=len(means))
    found: Floats = (means / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return found


def middles(labels: Integers, rows: Floats, n: int) -> list[Integers]:
    """Return the positions of the n rows of each group that are nearest to its mean."""
    if not (labels != NONE).any():
        return []
    means = means_of(labels, rows)
    found = []
    for group, mean in enumerate(means):
        own = np.flatnonzero(labels == group)
        nearest = np.argsort(np.linalg.norm(rows[own] - mean, axis=1), kind="stable")[:n]
        found.append(own[nearest])
    return found


def votes_of(labels: Integers, near: Integers, similarities: Floats) -> tuple[Integers, Floats]:
    """Return the group with the largest share of each row's neighbours, and that share.

    `near` are positions into `labels`, int64[m, k] with -1 for none; neighbours weigh by their
    similarity. A row whose neighbours are in no group, or that has none, gets -1 and share 0.
    """
    near, weights = near[:, :VOTES], np.maximum(similarities[:, :VOTES], 0).astype(np.float64)
    found = np.where(near >= 0, labels[np.maximum(near, 0)], NONE - 1)
    weights = np.where(found > NONE - 1, weights, 0)
    chosen = np.full(len(near), NONE, np.int64)
    shares = np.zeros(len(near), np.float32)
    # The weight of each neighbour's own group among the neighbours: k × k comparisons a row.
    same = (found[:, :, None] == found[:, None, :]) @ weights[:, :, None]
    total = weights.sum(axis=1)
    if near.shape[1]:
        best = np.where(found == NONE - 1, -1.0, same[:, :, 0]).argmax(axis=1)
        rows = np.arange(len(near))
        has_any = total > 0
        chosen[has_any] = np.maximum(found[rows, best], NONE)[has_any]
        shares[has_any] = (same[rows, best, 0][has_any] / total[has_any]).astype(np.float32)
    return chosen, shares


def share_of_own(labels: Integers, given: Neighborhood) -> Floats:
    """Return the share of each row's neighbours, weighted by similarity, of its own group."""
    near = given.neighbors[:, :VOTES]
    weights = np.where(near >= 0, np.maximum(given.similarities[:, :VOTES], 0), 0)
    is_own = (labels[np.maximum(near, 0)] == labels[:, None]) & (near >= 0)
    total = weights.sum(axis=1)
    own = (weights * is_own).sum(axis=1)
    shares: Floats = np.divide(
        own, total, where=total > 0, out=np.ones(len(labels), np.float32)
    ).astype(np.float32)
    return shares


def by_size(labels: Integers) -> Integers:
    """Return the labels numbered from 0 by size, the largest first; those in no group stay."""
    sizes = np.bincount(labels[labels != NONE]) if (labels != NONE).any() else np.empty(0, int)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes), np.int64)
    rank[order[: len(sizes)]] = np.arange(len(sizes))
    # A label that no row has must not leave a gap; it is among the last.
    found = np.full(len(labels), NONE, np.int64)
    found[labels != NONE] = rank[labels[labels != NONE]]
    return found
