"""Metrics of lists in full ranking, never among sampled negatives; pure.

Binary relevance, as the comparison of Microsoft Recommenders defines it (notebook at b02c95e2):
precision is hits / k, recall hits / relevant, nDCG has an ideal of min(k, relevant) items at the
top, average precision divides by all relevant items. Each is the mean over users who have one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embedhub.recommend.interactions import Floats, Integers, Mask

USERS_AT_ONCE = 256


@dataclass(frozen=True)
class ListMetrics:
    """Means over the judged users; coverage is the share of items shown to anyone."""

    ndcg: float
    recall: float
    precision: float
    average_precision: float
    coverage: float
    novelty: float
    users: int


def top_items(
    scores: Floats, seen: sparse.csr_array, k: int, hidden: Mask | None = None
) -> Integers:
    """Return users × k items, best first, without seen and hidden ones; -1 where none is left.

    Equal scores rank by item index, so that a list is the same on every machine.
    """
    masked = scores.copy()
    rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    masked[rows, seen.indices] = -np.inf
    if hidden is not None:
        masked[:, hidden] = -np.inf
    best = _best(masked, min(k, masked.shape[1]))
    reachable = np.isfinite(np.take_along_axis(masked, best, axis=1))
    return np.where(reachable, best, -1)


def _best(scores: Floats, k: int) -> Integers:
    """Return rows × the columns of the k largest, best first, of equals the one further left."""
    left = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    found = np.take_along_axis(scores, left, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    best = np.take_along_axis(left, order, axis=1)
    # Which ones of equals at the end are among them is up to chance: these rows are sorted.
    is_tied = (scores >= found.min(axis=1, keepdims=True)).sum(axis=1) > k
    best[is_tied] = np.argsort(-scores[is_tied], axis=1, kind="stable")[:, :k]
    return best


def found(lists: Integers, relevant: sparse.csr_array) -> Mask:
    """Return users × k: whether the item at that place is relevant to the user."""
    hits = np.zeros(lists.shape, dtype=bool)
    for start in range(0, len(lists), USERS_AT_ONCE):
        rows = slice(start, start + USERS_AT_ONCE)
        right = relevant[rows].toarray() != 0
        hits[rows] = np.take_along_axis(right, lists[rows], axis=1) & (lists[rows] >= 0)
    return hits


def rows_of(matrix: sparse.csr_array) -> Iterator[tuple[int, Integers]]:
    """Yield (row, columns that are not zero) of rows that are not empty."""
    for row in np.flatnonzero(np.diff(matrix.indptr)):
        yield int(row), matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]


def ndcg_of_users(lists: Integers, relevant: sparse.csr_array, k: int = 10) -> Floats:
    """Return nDCG@k of each user with a relevant item, in the order of users."""
    judged = np.flatnonzero(np.diff(relevant.indptr))
    hits = found(lists, relevant)[judged, :k]
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(np.diff(relevant.indptr)[judged], k) - 1]
    return np.asarray((hits @ discounts[: hits.shape[1]]) / ideal)


def measure_lists(
    lists: Integers, relevant: sparse.csr_array, popularity: Floats, k: int = 10
) -> ListMetrics:
    """Return the metrics of lists (users × at least k) against users × items that are relevant.

    `popularity` is each item's number of users in training; novelty is the mean of
    -log2(share of users who have the item).
    """
    counts = np.diff(relevant.indptr)
    judged = np.flatnonzero(counts)
    if not len(judged):
        return ListMetrics(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    shown = lists[judged, :k]
    hits = found(lists, relevant)[judged, :k]
    precision_at = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    items = shown[shown >= 0]
    share = (popularity + 1.0) / (relevant.shape[0] + 1.0)
    return ListMetrics(
        ndcg=float(ndcg_of_users(lists, relevant, k).mean()),
        recall=float((hits.sum(axis=1) / counts[judged]).mean()),
        precision=float(hits.sum(axis=1).mean() / k),
        average_precision=float(((precision_at * hits).sum(axis=1) / counts[judged]).mean()),
        coverage=len(np.unique(items)) / relevant.shape[1],
        novelty=float(-np.log2(share[items]).mean()) if len(items) else 0.0,
        users=len(judged),
    )
