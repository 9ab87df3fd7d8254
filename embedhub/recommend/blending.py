"""One score of several sources: z-scores over the unseen items, weights by length of history; pure.

Weights are learned on a hold-out by coordinate ascent on nDCG itself (Metzler and Croft 2007,
"Linear feature-based models for information retrieval"): the best source alone, then one weight
at a time as long as the metric rises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embedhub.recommend.interactions import Floats

# Shortest history of each bucket; an empty history is popularity alone.
BUCKETS = (1, 2, 5, 10, 20, 50)
LONGEST = BUCKETS[-1]
STEPS = (0.0, 0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
ROUNDS = 3
# A gain smaller than this is noise: the simpler blend stays.
LEAST_GAIN = 2e-4
POOL_PER_SOURCE = 60
# Of hold-out users a bucket has; with fewer the next longer bucket's weights serve.
ENOUGH_USERS = 40

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Judged:
    """One hold-out user at one length of history: z-scores of candidates, and which are right."""

    length: int
    scores: Floats
    relevant: Floats
    n_relevant: int


def standardize(scores: Floats, seen: sparse.csr_array) -> Floats:
    """Return users × items z-scores, mean and deviation being those of the unseen items."""
    means, deviations = unseen_moments(scores, seen)
    return np.asarray((scores - means[:, None]) / deviations[:, None])


def unseen_moments(scores: Floats, seen: sparse.csr_array) -> tuple[Floats, Floats]:
    """Return each user's mean and standard deviation over the items not seen; 1 where it is 0."""
    unseen = np.ones(scores.shape)
    unseen[np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr)), seen.indices] = 0.0
    counts = np.maximum(unseen.sum(axis=1), 1.0)
    means = (scores * unseen).sum(axis=1) / counts
    variances = (((scores - means[:, None]) ** 2) * unseen).sum(axis=1) / counts
    deviations = np.sqrt(variances)
    return means, np.where(deviations > 0, deviations, 1.0)


def bucket_of(length: int) -> int:
    """Return the bucket of a history of `length` items, 0 for an empty one."""
    return max((start for start in BUCKETS if start <= length), default=0)


def candidates(
    standardized: Sequence[Floats], seen: sparse.csr_array, relevant: sparse.csr_array
) -> list[tuple[Floats, Floats]]:
    """Return per user the best unseen items of any source: sources × items scores, and hits."""
    masked = []
    rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    for scores in standardized:
        copy = scores.copy()
        copy[rows, seen.indices] = -np.inf
        masked.append(copy)
    pools = []
    size = min(POOL_PER_SOURCE, relevant.shape[1] - 1)
    best = [np.argpartition(-scores, size, axis=1)[:, :size] for scores in masked]
    for user in range(seen.shape[0]):
        pool = np.unique(np.concatenate([of_source[user] for of_source in best]))
        pool = pool[np.isfinite(masked[0][user, pool])]
        right = relevant.indices[relevant.indptr[user] : relevant.indptr[user + 1]]
        scores = np.stack([of_source[user, pool] for of_source in masked])
        pools.append((scores, np.isin(pool, right).astype(np.float64)))
    return pools


def learn_weights(
    names: Sequence[str], judged: Sequence[Judged], k: int = 10
) -> dict[int, Weights]:
    """Return the weights of each bucket that has enough users, or those of the next longer one."""
    by_bucket: dict[int, Weights] = {}
    longer: Weights | None = None
    for bucket in reversed(BUCKETS):
        of_bucket = [one for one in judged if bucket_of(one.length) == bucket]
        if len(of_bucket) >= ENOUGH_USERS or (longer is None and of_bucket):
            longer = dict(zip(names, _ascend(of_bucket, len(names), k), strict=True))
        if longer is not None:
            by_bucket[bucket] = longer
    return by_bucket


def _ascend(judged: Sequence[Judged], n_sources: int, k: int) -> list[float]:
    scores, relevant, ideal = _padded(judged, n_sources, k)
    alone = [_ndcg(scores, relevant, ideal, one, k) for one in np.eye(n_sources)]
    weights = np.eye(n_sources)[int(np.argmax(alone))]
    best = max(alone)
    for _ in range(ROUNDS):
        before = best
        for source in range(n_sources):
            for step in STEPS:
                tried = weights.copy()
                tried[source] = step
                if not tried.any():
                    continue
                reached = _ndcg(scores, relevant, ideal, tried, k)
                if reached > best + LEAST_GAIN:
                    best, weights = reached, tried
        if best == before:
            break
    return [float(weight) for weight in weights / weights.sum()]


def _padded(judged: Sequence[Judged], n_sources: int, k: int) -> tuple[Floats, Floats, Floats]:
    width = max(k, *(one.scores.shape[1] for one in judged))
    scores = np.full((n_sources, len(judged), width), -1e9)
    relevant = np.zeros((len(judged), width))
    for row, one in enumerate(judged):
        scores[:, row, : one.scores.shape[1]] = one.scores
        relevant[row, : one.scores.shape[1]] = one.relevant
    discounts = np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))
    ideal = discounts[np.minimum([one.n_relevant for one in judged], k) - 1]
    return scores, relevant, ideal


def _ndcg(scores: Floats, relevant: Floats, ideal: Floats, weights: Floats, k: int) -> float:
    used = np.flatnonzero(weights)
    blended = np.tensordot(weights[used], scores[used], axes=1)
    top = np.argpartition(-blended, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(blended, top, axis=1), axis=1)
    hits = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
    return float(((hits @ (1.0 / np.log2(np.arange(2, k + 2)))) / ideal).mean())
