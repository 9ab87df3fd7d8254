"""Users of a hold-out, and how well a source or a blend finds what was hidden from it; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse

from embedhub.recommend.blending import Judged, candidates, standardize
from embedhub.recommend.holdout import CUTS, Holdout, Order
from embedhub.recommend.interactions import (
    Floats,
    Integers,
    Interactions,
    histories,
    recency_weights,
)
from embedhub.recommend.metrics import ndcg_of_users, top_items
from embedhub.recommend.recommender import USERS_AT_ONCE, Recommender
from embedhub.recommend.sources import Source, scores_of

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
        hidden = without(hidden, seen)
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
        history = self.history(half_life)
        return self._mean_over_users(
            lambda rows: scores_of(source, history[rows], self.users[rows])
        )

    def ndcg_of(self, recommender: Recommender) -> float:
        """Return nDCG@10 of a blend."""
        history = self.history(recommender.half_life)
        return self._mean_over_users(
            lambda rows: recommender.scores(history[rows], self.seen[rows], self.users[rows])
        )

    def ndcg_of_scores(self, scores: Floats) -> float:
        """Return nDCG@10 of users × items scores."""
        return self._mean_over_users(lambda rows: scores[rows])

    def best(
        self, sources: Sequence[Source], settings: Sequence[Setting], half_life: float | None
    ) -> tuple[Source, Setting]:
        """Return the source with the best nDCG@10 and its setting, the first of equals."""
        at = int(np.argmax([self.ndcg(source, half_life) for source in sources]))
        return sources[at], settings[at]

    def whole(self, sources: Mapping[str, Source], half_life: float | None) -> list[Judged]:
        """Return the users' lists by all that is known of them, vectors of their own included."""
        everyone = np.arange(len(self.users))
        history = self.history(half_life)
        return judge(sources, history, self.seen, self.relevant, everyone, named=self.users)

    def judged(
        self, holdout: Holdout, sources: Mapping[str, Source], half_life: float | None
    ) -> list[Judged]:
        """Return what weights are learned from: users as they are, and withheld ones cut short."""
        judged = self.whole(sources, half_life)
        for length in CUTS:
            judged += self._cut(holdout, length, sources, half_life)
        return judged

    def _cut(
        self, holdout: Holdout, length: int, sources: Mapping[str, Source], half_life: float | None
    ) -> list[Judged]:
        known, hidden = holdout.cut(length)
        history = histories(known, recency_weights(known, half_life))[self.users]
        if holdout.order is Order.TIME:
            seen, relevant = histories(known)[self.users], histories(hidden)[self.users]
            relevant = without(relevant, seen)
        else:
            seen, relevant = self.seen, self.relevant
        # Whoever comes with so few events has no vector of their own yet: all are folded in.
        # Who has fewer events is judged by all of them already.
        n_known = np.bincount(known.users, minlength=known.n_users)[self.users]
        rows = np.flatnonzero((np.diff(relevant.indptr) > 0) & (n_known == length))
        return judge(sources, history, seen, relevant, rows)

    def _mean_over_users(self, scores: Callable[[slice], Floats]) -> float:
        reached = []
        for start in range(0, len(self.users), USERS_AT_ONCE):
            rows = slice(start, start + USERS_AT_ONCE)
            lists = top_items(scores(rows), self.seen[rows], K)
            reached.append(ndcg_of_users(lists, self.relevant[rows], K))
        return float(np.concatenate(reached).mean())


def judge(
    sources: Mapping[str, Source],
    history: sparse.csr_array,
    seen: sparse.csr_array,
    relevant: sparse.csr_array,
    users: Integers,
    *,
    named: Integers | None = None,
) -> list[Judged]:
    """Return the lists of these users (rows of the matrices): candidates and which are right.

    `named` are the numbers of the matrices' users, where vectors of their own shall count.
    """
    judged = []
    for start in range(0, len(users), USERS_AT_ONCE):
        rows = users[start : start + USERS_AT_ONCE]
        lengths = np.diff(history[rows].indptr)
        scores = [
            standardize(
                scores_of(source, history[rows], None if named is None else named[rows]), seen[rows]
            )
            for source in sources.values()
        ]
        judged += [
            Judged(int(length), pool, right)
            for length, (pool, right) in zip(
                lengths, candidates(scores, seen[rows], relevant[rows]), strict=True
            )
        ]
    return judged


def without(hidden: sparse.csr_array, seen: sparse.csr_array) -> sparse.csr_array:
    """Return what is hidden and not seen."""
    left = sparse.csr_array(hidden - hidden * seen)
    left.eliminate_zeros()
    return left
