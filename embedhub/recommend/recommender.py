"""A trained recommender: history in, blended scores and lists out; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embedhub.recommend.blending import Weights, bucket_of, standardize
from embedhub.recommend.interactions import (
    Floats,
    Integers,
    Interactions,
    Mask,
    histories,
    recency_weights,
)
from embedhub.recommend.metrics import top_items
from embedhub.recommend.sources import Source, scores_of

POPULARITY = "popularity"
USERS_AT_ONCE = 256


@dataclass(frozen=True)
class Recommender:
    """Sources and their weights per length of history; `half_life` counts events (None: no decay).

    `weights` maps the buckets of `blending.BUCKETS` to weights of sources by name.
    """

    sources: Mapping[str, Source]
    weights: Mapping[int, Weights]
    half_life: float | None

    def histories(self, events: Interactions) -> sparse.csr_array:
        """Return users × items, each event weighted by its rank where order means something."""
        return histories(events, recency_weights(events, self.half_life))

    def weights_for(self, length: int) -> Weights:
        """Return the weights for a history of `length` items; popularity alone for an empty one."""
        return self.weights.get(bucket_of(length), {POPULARITY: 1.0})

    def scores(
        self, history: sparse.csr_array, seen: sparse.csr_array, users: Integers | None = None
    ) -> Floats:
        """Return users × items blended z-scores; those of `seen` items mean nothing.

        Folds in: users need never have been trained on. With `users`, whose histories these are,
        those who have a vector of their own in a source are scored by it.
        """
        lengths = np.diff(history.indptr)
        blended = np.zeros(history.shape)
        each = [self.weights_for(int(length)) for length in lengths]
        for name, source in self.sources.items():
            weights = np.array([of_user.get(name, 0.0) for of_user in each])
            rows = np.flatnonzero(weights)
            if len(rows):
                named = None if users is None else users[rows]
                scores = standardize(scores_of(source, history[rows], named), seen[rows])
                blended[rows] += weights[rows, None] * scores
        return blended

    def recommend(
        self,
        history: sparse.csr_array,
        k: int,
        *,
        seen: sparse.csr_array | None = None,
        hidden: Mask | None = None,
    ) -> Integers:
        """Return users × k items, best first, none of the history, none hidden; -1 past the end.

        `seen` items are left out where they are other than those of the history.
        """
        left_out = history if seen is None else seen
        lists = [
            top_items(self.scores(history[start : start + USERS_AT_ONCE], part), part, k, hidden)
            for start in range(0, history.shape[0], USERS_AT_ONCE)
            if (part := left_out[start : start + USERS_AT_ONCE]) is not None
        ]
        return np.concatenate(lists) if lists else np.empty((0, k), dtype=np.int64)
