"""A history folded into the sources of a stored version: scores of any items, exactly; pure.

What `Recommender.scores` computes over users × items is computed here for one history and only
those items that come into question. Mean and deviation over all unseen items, which z-scores need,
follow from stored sums: sources are linear, so the mean vector and covariance of all items' vectors
stand for their scores.

Positions number the items that a version was trained on, from 0; -1 is an item that it does not
know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from embedhub.recommend.interactions import Floats, Integers


@dataclass(frozen=True)
class Pool:
    """Items to be scored and what is stored of them.

    `dots` are inner products with vectors of the user, by name, NaN where an item has no vector;
    `vectors` are items × dimensions of factor spaces, by source, for parts alone.
    """

    ids: Integers
    positions: Integers
    popularity: Floats
    n_events: Integers
    dots: Mapping[str, Floats]
    vectors: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.positions)

    def at(self, places: Integers) -> "Pool":
        """Return the items at these places."""
        return Pool(
            self.ids[places],
            self.positions[places],
            self.popularity[places],
            self.n_events[places],
            {name: dots[places] for name, dots in self.dots.items()},
            {name: vectors[places] for name, vectors in self.vectors.items()},
        )


class Folded(Protocol):
    """One source, folded for one history."""

    @property
    def mean(self) -> float:
        """The mean score of the unseen items."""
        ...

    @property
    def deviation(self) -> float:
        """The standard deviation of the unseen items' scores; 1 where it is 0."""
        ...

    def scores(self, pool: Pool) -> Floats:
        """Return the scores of the items."""
        ...

    def parts(self, pool: Pool) -> tuple[Floats, Floats]:
        """Return history × items: what each item of the history adds, and (history) its mean."""
        ...


@dataclass(frozen=True)
class NeighborSum:
    """Stored rows of neighbors, summed: entries lie end to end in `positions` and `weights`.

    Row by row, `places` say whose of the history it is and `ends` where its entries end, a 0 before
    them all; items of the history count `amounts`. `seen` are positions of the items that z-scores
    leave out.
    """

    n_items: int
    amounts: Floats
    places: Integers
    ends: Integers
    positions: NDArray[np.int32]
    weights: NDArray[np.float32]
    seen: Integers

    @cached_property
    def total(self) -> Floats:
        """The scores of all items of the version."""
        return np.asarray(self.amounts[self.places] @ self._rows)

    def sum_up(self) -> None:
        """Sum what scores are made of now: they do it when they are asked for, else."""
        _ = self._moments

    @cached_property
    def _rows(self) -> sparse.csr_array:
        """Return the rows as they were read, uncopied."""
        shape = (len(self.places), self.n_items)
        return sparse.csr_array((self.weights, self.positions, self.ends), shape=shape)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        mean, variance = float(self.total.mean()), float(self.total.var())
        return _of_unseen(self.n_items, mean, variance, self.total[self.seen])

    @property
    def mean(self) -> float:
        return self._moments[0]

    @property
    def deviation(self) -> float:
        return self._moments[1]

    def scores(self, pool: Pool) -> Floats:
        return np.where(pool.positions >= 0, self.total[pool.positions], 0.0)

    def parts(self, pool: Pool) -> tuple[Floats, Floats]:
        parts = np.zeros((len(self.amounts), len(pool)))
        columns = np.full(self.n_items, -1)
        known = np.flatnonzero(pool.positions >= 0)
        columns[pool.positions[known]] = known
        at = columns[self.positions]
        shown = np.flatnonzero(at >= 0)
        places = self.places[np.searchsorted(self.ends, shown, side="right") - 1]
        parts[places, at[shown]] = self.amounts[places] * self.weights[shown]
        is_unseen = np.ones(self.n_items)
        is_unseen[self.seen] = 0.0
        sums = np.zeros(len(self.amounts))
        sums[self.places] = self.amounts[self.places] * (self._rows @ is_unseen)
        return parts, sums / max(self.n_items - len(self.seen), 1)


@dataclass(frozen=True)
class VectorSum:
    """A vector of the user as a sum over the history: inner products with items are scores.

    `shares` are history × dimensions and sum to the vector; mean and covariance are those of the
    vectors of all items, `seen` the vectors of those that z-scores leave out. An item without a
    vector has the score `missing`; None: the mean, as nothing is known of it.
    """

    name: str
    shares: Floats
    n_items: int
    item_mean: Floats
    item_covariance: Floats
    seen: Floats
    missing: float | None = None

    @cached_property
    def vector(self) -> Floats:
        """The user's vector."""
        return np.asarray(self.shares.sum(axis=0))

    @cached_property
    def _moments(self) -> tuple[float, float]:
        mean = float(self.vector @ self.item_mean)
        variance = float(self.vector @ self.item_covariance @ self.vector)
        return _of_unseen(self.n_items, mean, variance, self.seen @ self.vector)

    @property
    def mean(self) -> float:
        return self._moments[0]

    @property
    def deviation(self) -> float:
        return self._moments[1]

    def scores(self, pool: Pool) -> Floats:
        dots = pool.dots[self.name]
        return np.where(np.isnan(dots), self.mean if self.missing is None else self.missing, dots)

    def parts(self, pool: Pool) -> tuple[Floats, Floats]:
        n_unseen = max(self.n_items - len(self.seen), 1)
        sums = self.n_items * (self.shares @ self.item_mean)
        means = (sums - (self.seen @ self.shares.T).sum(axis=0)) / n_unseen
        parts = self.shares @ pool.vectors[self.name].T
        unknown = np.isnan(pool.dots[self.name])
        parts[:, unknown] = means[:, None]
        return parts, means


@dataclass(frozen=True)
class PriorOf:
    """What is the same for everyone: popularity. `seen` are those of the items left out."""

    n_items: int
    mean_of_all: float
    variance_of_all: float
    seen: Floats

    @cached_property
    def _moments(self) -> tuple[float, float]:
        return _of_unseen(self.n_items, self.mean_of_all, self.variance_of_all, self.seen)

    @property
    def mean(self) -> float:
        return self._moments[0]

    @property
    def deviation(self) -> float:
        return self._moments[1]

    def scores(self, pool: Pool) -> Floats:
        return pool.popularity

    def parts(self, pool: Pool) -> tuple[Floats, Floats]:
        return np.zeros((0, len(pool))), np.zeros(0)


def fold_factors(
    amounts: Floats, vectors: Floats, *, gram: Floats, penalty: float, unseen: float, n_items: int
) -> Floats:
    """Return history × factors: what each item of a history adds to the user's vector by iALS.

    `gram` is the sum of outer products of all items' vectors. See `ials`: A x = sum of weight ·
    item.
    """
    if not len(amounts):
        return np.zeros((0, gram.shape[0]))
    system = unseen * gram + (vectors * amounts[:, None]).T @ vectors
    system[np.diag_indices_from(system)] += penalty * (amounts.sum() + unseen * n_items)
    # The matrix is small: its inverse costs less than a solution for every item of the history.
    inverse, _ = linalg.lapack.dpotri(linalg.lapack.dpotrf(system, lower=1)[0], lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    return np.asarray((vectors * amounts[:, None]) @ inverse)


def fold_content(amounts: Floats, vectors: Floats) -> Floats:
    """Return history × dimensions: each item's share of the mean content vector."""
    return vectors * (amounts / max(float(amounts.sum()), np.finfo(float).tiny))[:, None]


def blend(sources: Mapping[str, Folded], weights: Mapping[str, float], pool: Pool) -> Floats:
    """Return the weighted z-scores of the items."""
    total = np.zeros(len(pool))
    for name, weight in weights.items():
        if weight and name in sources:
            source = sources[name]
            total += weight * (source.scores(pool) - source.mean) / source.deviation
    return total


def _of_unseen(n_items: int, mean: float, variance: float, seen: Floats) -> tuple[float, float]:
    """Return mean and deviation of all scores but the seen ones."""
    n_unseen = max(n_items - len(seen), 1)
    left = (n_items * mean - float(seen.sum())) / n_unseen
    # About the mean of all: squares about 0 would drown a small spread in rounding.
    squares = n_items * variance - float(((seen - mean) ** 2).sum())
    return left, _deviation(squares / n_unseen - (left - mean) ** 2, variance)


def _deviation(variance: float, scale: float) -> float:
    # What is left of a difference of equal sums is rounding, not a spread.
    return float(np.sqrt(variance)) if variance > 1e-9 * max(scale, 0.0) else 1.0
