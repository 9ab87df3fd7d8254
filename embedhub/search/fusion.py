"""Two rankings into one, by scores: every list divided by its maximum, then a weighted sum.

Chosen over reciprocal rank fusion on judged queries (docs/decisions/fusion-weight.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedhub.search.request import HitExplanation, Leg, LegExplanation

DEFAULT_DENSE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that a leg found, with the leg's score: large is good."""

    chunk_id: int
    document_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk after fusion, with each leg's part."""

    chunk_id: int
    document_id: int
    score: float
    legs: tuple[LegExplanation, ...]

    def explanation(self, tier: int) -> HitExplanation:
        """Return where the score comes from."""
        return HitExplanation(tier, self.legs)


def fuse(lists: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float]) -> list[Ranked]:
    """Return all candidates, best first, ties by chunk id.

    Each list is sorted, best first. The weights of the lists given are scaled to add up to one. A
    chunk that the dense list lacks is assumed to be as good as that list's last; one that the
    lexical list lacks holds none of the words, or too few, and gets 0.
    """
    total = sum(weights[leg] for leg in lists)
    parts = {leg: weights[leg] / total if total else 1 / len(lists) for leg in lists}
    found = {leg: _Ranking(leg, ranking) for leg, ranking in lists.items()}
    chunks = {
        candidate.chunk_id: candidate.document_id
        for ranking in lists.values()
        for candidate in ranking
    }
    fused = []
    for chunk_id, document_id in chunks.items():
        legs = tuple(found[leg].explain(chunk_id, parts[leg]) for leg in lists)
        score = sum(leg.share for leg in legs)
        fused.append(Ranked(chunk_id, document_id, score, legs))
    return sorted(fused, key=lambda ranked: (-ranked.score, ranked.chunk_id))


def single(leg: Leg, ranking: Sequence[Candidate]) -> list[Ranked]:
    """Return one leg's ranking with the leg's own scores, best first, ties by chunk id."""
    in_order = sorted(ranking, key=lambda candidate: (-candidate.score, candidate.chunk_id))
    return [
        Ranked(
            candidate.chunk_id,
            candidate.document_id,
            candidate.score,
            (LegExplanation(leg, rank, candidate.score, candidate.score, 1.0, candidate.score),),
        )
        for rank, candidate in enumerate(in_order, start=1)
    ]


def best_of_documents(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Return the best chunk of each document, in order."""
    best: dict[int, Ranked] = {}
    for candidate in ranked:
        best.setdefault(candidate.document_id, candidate)
    return list(best.values())


class _Ranking:
    """One leg's list with its scale."""

    def __init__(self, leg: Leg, ranking: Sequence[Candidate]) -> None:
        self.leg = leg
        self.ranks = {candidate.chunk_id: rank for rank, candidate in enumerate(ranking, start=1)}
        self.scores = {candidate.chunk_id: candidate.score for candidate in ranking}
        self.lowest = min(self.scores.values(), default=0.0)
        self.highest = max(self.scores.values(), default=0.0)

    def explain(self, chunk_id: int, weight: float) -> LegExplanation:
        score = self.scores.get(chunk_id)
        if score is not None:
            normalized = self.normalized(score)
        elif self.leg is Leg.DENSE and self.scores:
            normalized = self.normalized(self.lowest)
        else:
            normalized = 0.0
        rank = self.ranks.get(chunk_id)
        return LegExplanation(self.leg, rank, score, normalized, weight, weight * normalized)

    def normalized(self, score: float) -> float:
        """Return the score as a part of the list's maximum, 1 for the best.

        Inner products can be below 0 without bound; then the list is stretched from 0 to 1.
        """
        if self.highest > 0 and self.lowest >= -self.highest:
            return score / self.highest
        if self.highest == self.lowest:
            return 1.0
        return (score - self.lowest) / (self.highest - self.lowest)
