"""Several rankings into one, by scores: each list divided by its maximum, then a weighted sum.

Chosen over reciprocal rank fusion on judged queries (docs/decisions/fusion-weight.md).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from embedhub.search.request import Adjustment, HitExplanation, Leg, LegExplanation

DEFAULT_DENSE_WEIGHT = 0.5


class Candidate(NamedTuple):
    """A chunk that a leg found, with the leg's score: large is good."""

    chunk_id: int
    document_id: int
    score: float


class Strand(NamedTuple):
    """One list of candidates: a leg that was asked one of the queries, counted from 0."""

    leg: Leg
    query: int = 0


@dataclass(frozen=True, slots=True)
class ScoredList:
    """Candidates of one strand, best first, and what else is known of the scores there.

    `others` are scores of chunks that the list lacks, by id. `best` is the maximum to divide by
    where it is not this list's own: that of several collections.
    """

    candidates: Sequence[Candidate]
    others: Mapping[int, float] = field(default_factory=dict)
    best: float | None = None


class Part(NamedTuple):
    """One strand's part in one chunk's score.

    `rank` is None if its list lacks the chunk, `score` if nobody computed it either.
    """

    leg: Leg
    rank: int | None
    score: float | None
    normalized: float
    weight: float
    query: int = 0

    @property
    def share(self) -> float:
        """Return what the leg adds to the fused score."""
        return self.weight * self.normalized


# Tells the parts of a score: of hundreds of candidates only those that are shown are asked.
Account = Callable[[], Sequence[Part]]


class Ranked(NamedTuple):
    """A chunk after fusion, with each leg's part, and what the ranking stage did to its score."""

    chunk_id: int
    document_id: int
    score: float
    account: Account = tuple
    adjustments: Sequence[Adjustment] = ()
    # those that this one stands for, nearly the same
    folded: Sequence["Ranked"] = ()

    @property
    def parts(self) -> Sequence[Part]:
        """Return each strand's part in the fused score."""
        return self.account()

    def adjusted(self, kind: str, score: float, detail: str = "") -> "Ranked":
        """Return the chunk with another score, and why."""
        step = Adjustment(kind, self.score, score, detail)
        return self._replace(score=score, adjustments=(*self.adjustments, step))

    def explanation(self, tier: int) -> HitExplanation:
        """Return where the score comes from."""
        legs = tuple(
            LegExplanation(*part[:5], share=part.share, query=part.query) for part in self.parts
        )
        return HitExplanation(tier, legs, tuple(self.adjustments))


def fuse(lists: Mapping[Strand, ScoredList], weights: Mapping[Leg, float]) -> list[Ranked]:
    """Return all candidates, best first, ties by chunk id.

    The weights of the legs given are scaled to add up to one; queries count the same. A chunk that
    a list lacks and whose score is not known either is assumed to be as good as the last of a
    dense list; of a lexical one it gets 0: it holds none of the words, or too few.
    """
    n_queries = Counter(strand.leg for strand in lists)
    shares = {strand: weights[strand.leg] / n_queries[strand.leg] for strand in lists}
    total = sum(shares.values())
    rankings = [
        _Ranking(strand, one, shares[strand] / total if total else 1 / len(lists))
        for strand, one in lists.items()
    ]
    chunks = {
        candidate.chunk_id: candidate.document_id
        for one in lists.values()
        for candidate in one.candidates
    }
    fused = []
    for chunk_id, document_id in chunks.items():
        score = 0.0
        for ranking in rankings:
            score += ranking.share(chunk_id)
        fused.append(Ranked(chunk_id, document_id, score, partial(_parts, rankings, chunk_id)))
    return sorted(fused, key=_order)


def single(leg: Leg, ranking: Sequence[Candidate]) -> list[Ranked]:
    """Return one leg's ranking with the leg's own scores, best first, ties by chunk id."""
    in_order = sorted(ranking, key=_order)
    return [
        Ranked(*candidate, partial(_own_part, leg, rank, candidate.score))
        for rank, candidate in enumerate(in_order, start=1)
    ]


def _own_part(leg: Leg, rank: int, score: float) -> Sequence[Part]:
    return (Part(leg, rank, score, score, 1.0),)


def _parts(rankings: "Sequence[_Ranking]", chunk_id: int) -> Sequence[Part]:
    return [ranking.part(chunk_id) for ranking in rankings]


def _order(found: Candidate | Ranked) -> tuple[float, int]:
    return -found.score, found.chunk_id


def best_of_documents(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Return the best chunk of each document, in order."""
    best: dict[int, Ranked] = {}
    for candidate in ranked:
        best.setdefault(candidate.document_id, candidate)
    return list(best.values())


class _Ranking:
    """One list with its scale and its part of the fused score."""

    def __init__(self, strand: Strand, scored: ScoredList, weight: float) -> None:
        self.strand = strand
        self.scored = scored
        self.weight = weight
        found = [candidate.score for candidate in scored.candidates]
        self.lowest = min(found, default=0.0)
        self.highest = max(found, default=0.0)
        if scored.best is not None:
            self.highest = max(self.highest, scored.best)
        self.scores = {**scored.others, **{one.chunk_id: one.score for one in scored.candidates}}
        is_last_assumed = strand.leg is Leg.DENSE and bool(scored.candidates)
        self.if_missing = self.normalized(self.lowest) if is_last_assumed else 0.0

    def share(self, chunk_id: int) -> float:
        """Return what the list adds to a chunk's fused score."""
        return self.weight * self.normalized(self.scores.get(chunk_id))

    def part(self, chunk_id: int) -> Part:
        """Return the same with how it comes about."""
        found = (one.chunk_id for one in self.scored.candidates)
        rank = next((rank for rank, one in enumerate(found, start=1) if one == chunk_id), None)
        score = self.scores.get(chunk_id)
        leg, query = self.strand
        return Part(leg, rank, score, self.normalized(score), self.weight, query)

    def normalized(self, score: float | None) -> float:
        """Return the score as a part of the list's maximum, 1 for the best.

        One that is not known is assumed. Inner products can be below 0 without bound; then the
        list is stretched from 0 to 1, and what is worse than its last counts as its last.
        """
        if score is None:
            return self.if_missing
        if self.highest > 0 and self.lowest >= -self.highest:
            return max(-1.0, score / self.highest)
        if self.highest == self.lowest:
            return 1.0
        return max(0.0, (score - self.lowest) / (self.highest - self.lowest))
