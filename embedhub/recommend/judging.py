"""Users of a hold-out, and how well a source or a blend finds what was hidden from it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse

from embedhub.recommend.blending import LONGEST, Judged, candidates, standardize
from embedhub.recommend.holdout import CUTS, Holdout
from embedhub.recommend.interactions import (
    Floats,
    Integers,
    Interactions,
    histories,
    recency_weights,
)
from embedhub.recommend.metrics import ndcg_of_users, top_items
from embedhub.recommend.sources import Source

K = 10
Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Judging:
    """Hold-out users: what they are known by, what they have seen, what is to be found."""

    users: Integers
    known: Interactions
    seen: sparse.csr_array
    relevant: sparse.csr_array

    @classmethod
    def of(cls, holdout: Holdout, at_most: int, *, seed: int = 7) -> "Judging":
        """Return up to `at_most` users with something to find. Raises ValueError without one."""
        seen, hidden = histories(holdout.known), histories(holdout.hidden)
        hidden = sparse.csr_array(hidden - hidden * seen)
        hidden.eliminate_zeros()
        users = np.flatnonzero((np.diff(hidden.indptr) > 0) & (np.diff(seen.indptr) > 0))
        if not len(users):
            raise ValueError("too few events: no user has one to learn from and one to find")
        if len(users) > at_most:
            users = np.sort(np.random.default_rng(seed).choice(users, at_most, replace=False))
        return cls(users, holdout.known, seen[users], hidden[users])

    def history(self, half_life: float | None) -> sparse.csr_array:
        """Return the users' histories, weighted by event rank."""
        return histories(self.known, recency_weights(self.known, half_life))[self.users]

    def ndcg(self, source: Source, half_life: float | None) -> float:
        """Return nDCG@10 of one source alone."""
        return self.ndcg_of_scores(source.scores(self.history(half_life)))

    def ndcg_of_scores(self, scores: Floats) -> float:
        """Return nDCG@10 of users × items scores."""
        return float(ndcg_of_users(top_items(scores, self.seen, K), self.relevant, K).mean())

    def best(
        self, sources: Sequence[Source], settings: Sequence[Setting]
    ) -> tuple[Source, Setting]:
        """Return the source with the best nDCG@10 and its setting, the first of equals."""
        at = int(np.argmax([self.ndcg(source, None) for source in sources]))
        return sources[at], settings[at]

    def judged(
        self, holdout: Holdout, sources: Mapping[str, Source], half_life: float | None
    ) -> list[Judged]:
        """Return what weights are learned from: users as they are, and withheld ones cut short.

        Of shorter histories only withheld ones: a few events of a user who was trained on look
        like proof for whatever fitted them best.
        """
        new = holdout.withheld[self.users]
        long = np.diff(self.seen.indptr) >= LONGEST
        judged = self._at_length(self.known, np.flatnonzero(new | long), sources, half_life)
        withheld = np.flatnonzero(new)
        for seed, length in enumerate(CUTS):
            cut = holdout.cut(length, seed)
            judged += self._at_length(cut, withheld, sources, half_life)
        return judged

    def _at_length(
        self,
        events: Interactions,
        rows: Integers,
        sources: Mapping[str, Source],
        half_life: float | None,
    ) -> list[Judged]:
        history = histories(events, recency_weights(events, half_life))[self.users[rows]]
        seen, relevant = self.seen[rows], self.relevant[rows]
        scores = [standardize(source.scores(history), seen) for source in sources.values()]
        lengths, found = np.diff(history.indptr), np.diff(relevant.indptr)
        return [
            Judged(int(lengths[row]), pool, hits, int(found[row]))
            for row, (pool, hits) in enumerate(candidates(scores, seen, relevant))
        ]
