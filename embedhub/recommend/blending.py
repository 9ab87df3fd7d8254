"""One score of several sources: z-scores over the unseen items, weights by length of history; pure.

Weights are those under which the hidden items of a hold-out are likeliest among the candidates of
their lists (the listwise likelihood of Cao et al. 2007, "Learning to rank: from pairwise approach
to listwise approach"), none below 0. Every hidden item teaches, not only those that reach the top
ten: weights that climbed nDCG@10 itself followed its noise and lost to the best source alone. From
there, or from the best source alone, they move only where nDCG@10 gains more than its noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from embedhub.recommend.interactions import Floats, Mask

# Shortest history of each bucket; an empty history is popularity alone.
BUCKETS = (1, 2, 5, 10, 20, 50)
POOL_PER_SOURCE = 30
# How hard a bucket's weights are held to those of the next longer one: as if by so many lists.
RIDGE = 30.0
# How far weights move at a time towards one source, and how often.
STEPS = (0.25, 0.5, 0.75)
ROUNDS = 3

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Judged:
    """One hold-out user at one length of history: z-scores of candidates, and which are right."""

    length: int
    scores: Floats
    relevant: Floats


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
    users, n_items = seen.shape
    unseen = np.ones((users, n_items), dtype=bool)
    unseen[np.repeat(np.arange(users), np.diff(seen.indptr)), seen.indices] = False
    size = min(POOL_PER_SOURCE, n_items - 1)
    pooled = np.zeros((users, n_items), dtype=bool)
    for scores in standardized:
        best = np.argpartition(np.where(unseen, -scores, np.inf), size, axis=1)[:, :size]
        np.put_along_axis(pooled, best, values=True, axis=1)
    pooled &= unseen
    right = relevant.toarray() > 0
    pools = []
    for user in range(users):
        pool = np.flatnonzero(pooled[user])
        scores = np.stack([of_source[user, pool] for of_source in standardized])
        pools.append((scores, right[user, pool].astype(np.float64)))
    return pools


def learn_weights(
    names: Sequence[str], judged: Sequence[Judged], simplest: str = "popularity"
) -> dict[int, Weights]:
    """Return the weights of each bucket, held to those of the next longer one; they sum to 1.

    Where the blend is not better than the source `simplest` by more than noise, that one serves.
    """
    teaching = [one for one in judged if one.relevant.any()]
    alone = np.array([1.0 if name == simplest else 0.0 for name in names])
    weights = np.zeros(len(names))
    if teaching:
        weights = likeliest(teaching, weights)
    by_bucket: dict[int, Weights] = {}
    for bucket in reversed(BUCKETS):
        of_bucket = [one for one in teaching if bucket_of(one.length) == bucket]
        if of_bucket:
            weights = likeliest(of_bucket, weights)
        used = weights
        if of_bucket:
            judges = Judges.of(of_bucket)
            used = refined(weights, judges)
            if not judges.is_better(used, alone):
                used = alone
        if used.any():
            shares = used / used.sum()
            by_bucket[bucket] = dict(zip(names, shares.tolist(), strict=True))
    return by_bucket


@dataclass(frozen=True)
class Judges:
    """Lists of a bucket as arrays (sources × lists × candidates), to judge many weights by."""

    scores: Floats
    right: Floats
    listed: Mask
    ideal: Floats

    @classmethod
    def of(cls, judged: Sequence[Judged], k: int = 10) -> "Judges":
        """Return the lists, each of which has something right."""
        scores, right, listed = _padded(judged, at_least=k)
        ideal = np.cumsum(_discounts(k))[np.minimum(right.sum(axis=1).astype(int), k) - 1]
        return cls(scores, right, listed, ideal)

    def ndcg(self, weights: Floats, k: int = 10) -> Floats:
        """Return nDCG@10 of each list."""
        used = np.flatnonzero(weights)
        blended = np.tensordot(weights[used], self.scores[used], axes=1)
        blended = np.where(self.listed, blended, -np.inf)
        top = np.argpartition(-blended, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(blended, top, axis=1), axis=1)
        hits = np.take_along_axis(self.right, np.take_along_axis(top, order, axis=1), axis=1)
        return np.asarray(hits @ _discounts(k) / self.ideal)

    def is_better(self, weights: Floats, others: Floats) -> bool:
        """Return whether nDCG@10 is higher by more than the standard error of the difference."""
        return more_than_noise(self.ndcg(weights) - self.ndcg(others))


def refined(weights: Floats, judges: Judges) -> Floats:
    """Return the best of `weights` and each source alone, moved towards these while it gains."""
    total = weights.sum()
    towards = [*([weights / total] if total else []), *np.eye(len(weights))]
    reached = [judges.ndcg(each) for each in towards]
    at = int(np.argmax([each.mean() for each in reached]))
    best, ndcg = towards[at], reached[at]
    for _ in range(ROUNDS):
        tried = [(1.0 - step) * best + step * each for each in towards for step in STEPS]
        gains = [judges.ndcg(each) - ndcg for each in tried]
        at = int(np.argmax([each.mean() for each in gains]))
        if not more_than_noise(gains[at]):
            break
        best, ndcg = tried[at], ndcg + gains[at]
    return np.asarray(best)


def more_than_noise(gains: Floats) -> bool:
    """Return whether the mean is above its standard error."""
    return bool(gains.mean() > gains.std() / np.sqrt(len(gains)))


def _discounts(k: int) -> Floats:
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def likeliest(judged: Sequence[Judged], prior: Floats) -> Floats:
    """Return the weights under which what is right is likeliest, held to `prior` by `RIDGE`.

    An item's chance is the softmax of its blended score over the list; the lists count alike.
    """
    scores, right, listed = _padded(judged)
    right = right / right.sum(axis=1, keepdims=True)

    def loss(weights: Floats) -> tuple[float, Floats]:
        blended = np.where(listed, np.tensordot(weights, scores, axes=1), -np.inf)
        blended -= blended.max(axis=1, keepdims=True)
        chances = np.exp(blended)
        totals = chances.sum(axis=1, keepdims=True)
        chances /= totals
        likelihood = (right * np.where(listed, blended, 0.0)).sum() - np.log(totals).sum()
        slope = np.tensordot(scores, right - chances, axes=((1, 2), (0, 1)))
        apart = weights - prior
        return float(RIDGE * (apart @ apart) - likelihood), 2.0 * RIDGE * apart - slope

    start = np.maximum(prior, 1.0 / len(prior))
    found = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(prior)
    )
    return np.asarray(found.x)


def _padded(judged: Sequence[Judged], at_least: int = 0) -> tuple[Floats, Floats, Mask]:
    width = max(at_least, *(one.scores.shape[1] for one in judged))
    scores = np.zeros((judged[0].scores.shape[0], len(judged), width))
    right = np.zeros((len(judged), width))
    listed = np.zeros((len(judged), width), dtype=bool)
    for row, one in enumerate(judged):
        n = one.scores.shape[1]
        scores[:, row, :n] = one.scores
        right[row, :n] = one.relevant
        listed[row, :n] = True
    return scores, right, listed
