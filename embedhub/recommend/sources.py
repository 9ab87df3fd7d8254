"""What scores items from a history; each splits its score into the history's items; pure."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import linalg, sparse

from embedhub.recommend.ials import ItemFactors
from embedhub.recommend.interactions import Floats, Integers


class Source(Protocol):
    """Scores of every item for histories (users × items, recency weights)."""

    def scores(self, history: sparse.csr_array) -> Floats:
        """Return users × items."""
        ...

    def parts(self, weights: Floats, items: Integers) -> Floats:
        """Return len(items) × all items: what each item of one history adds to every score.

        The columns sum to `scores` of that history.
        """
        ...


@dataclass(frozen=True)
class Neighbors:
    """Item-to-item weights (EASE, cosine, conditional probability): linear in the history."""

    weights: sparse.csr_array

    def scores(self, history: sparse.csr_array) -> Floats:
        return np.asarray((history @ self.weights).toarray(), dtype=np.float64)

    def parts(self, weights: Floats, items: Integers) -> Floats:
        return np.asarray(self.weights[items].toarray() * weights[:, None], dtype=np.float64)


@dataclass(frozen=True)
class Factors:
    """iALS: a user's vector solves A x = sum of weight · item, so x is a sum over the history."""

    fitted: ItemFactors

    def scores(self, history: sparse.csr_array) -> Floats:
        return np.asarray(self.fitted.fold_in(history) @ self.fitted.items.T)

    def parts(self, weights: Floats, items: Integers) -> Floats:
        """As Hu, Koren and Volinsky 2008, section 5, explain a recommendation."""
        known = self.fitted.items[items]
        system = self.fitted.system(weights, known)
        vectors = linalg.solve(system, (known * weights[:, None]).T, assume_a="pos")
        return np.asarray(vectors.T @ self.fitted.items.T)


@dataclass(frozen=True)
class Content:
    """Cosine to the mean content vector of the history; vectors have length 1, or 0 if unknown."""

    vectors: Floats

    def scores(self, history: sparse.csr_array) -> Floats:
        total = np.maximum(history.sum(axis=1), np.finfo(float).tiny)
        return np.asarray((history @ self.vectors) / total[:, None] @ self.vectors.T)

    def parts(self, weights: Floats, items: Integers) -> Floats:
        share = weights / weights.sum()
        return np.asarray((self.vectors[items] * share[:, None]) @ self.vectors.T)


@dataclass(frozen=True)
class Published(Content):
    """Vectors of items, and of users, by who trained both; scores are their inner products.

    `users` are users × dimensions, 0 for one without a vector, whose history is folded in.
    """

    users: Floats

    def scores_of(self, history: sparse.csr_array, users: Integers) -> Floats:
        """Return users × items for the histories of these users."""
        scores = self.scores(history)
        known = np.flatnonzero(self.users[users].any(axis=1))
        scores[known] = self.users[users[known]] @ self.vectors.T
        return scores


@dataclass(frozen=True)
class Prior:
    """Scores that are the same for everyone: popularity, on a logarithmic scale."""

    items: Floats

    def scores(self, history: sparse.csr_array) -> Floats:
        return np.tile(self.items, (history.shape[0], 1))

    def parts(self, weights: Floats, items: Integers) -> Floats:
        del weights
        return np.zeros((len(items), len(self.items)))


def scores_of(source: Source, history: sparse.csr_array, users: Integers | None) -> Floats:
    """Return users × items; `users` say whose histories these are, None: folded in alone."""
    if users is not None and isinstance(source, Published):
        return source.scores_of(history, users)
    return source.scores(history)
