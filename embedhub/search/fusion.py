"""Two rankings into one, by scores: every list divided by its maximum, then a weighted sum.

Chosen over reciprocal rank fusion on judged queries (docs/decisions/fusion-weight.md).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedhub.search.request import Adjustment, HitExplanation, Leg, LegExplanation

DEFAULT_DENSE_WEIGHT = 0.5


class Candidate(NamedTuple):
    """A chunk that a leg found, with the leg's score: large is good."""

    chunk_id: int
    document_id: int
    score: float


class Part(NamedTuple):
    """One leg's part in one chunk's score; `rank` and `score` are None if the leg lacks it."""

    leg: Leg
    rank: int | None
    score: float | None
    normalized: float
    weight: float

    @property
    def share(self) -> float:
        """Return what the leg adds to the fused score."""
        return self.weight * self.normalized


class Ranked(NamedTuple):
    """A chunk after fusion, with each leg's part, and what the ranking stage did to its score."""

    chunk_id: int
    document_id: int
    score: float
    parts: Sequence[Part]
    adjustments: Sequence[Adjustment] = ()
    # those that this one stands for, nearly the same
    folded: Sequence["Ranked"] = ()

    def adjusted(self, kind: str, score: float, detail: str = "") -> "Ranked":
        """Return the chunk with another score, and why."""
        step = Adjustment(kind, self.score, score, detail)
        return self._replace(score=score, adjustments=(*self.adjustments, step))

    def explanation(self, tier: int) -> HitExplanation:
        """Return where the score comes from."""
        legs = tuple(LegExplanation(*part, part.share) for part in self.parts)
        return HitExplanation(tier, legs, tuple(self.adjustments))


def fuse(lists: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float]) -> list[Ranked]:
    """Return all candidates, best first, ties by chunk id.

    Each list is sorted, best first. The weights of the lists given are scaled to add up to one. A
    chunk that the dense list lacks is assumed to be as good as that list's last; one that the
    lexical list lacks holds none of the words, or too few, and gets 0.
    """
    total = sum(weights[leg] for leg in lists)
    rankings = [
        _Ranking(leg, ranking, weights[leg] / total if total else 1 / len(lists))
        for leg, ranking in lists.items()
    ]
    chunks = {
        candidate.chunk_id: candidate.document_id
        for ranking in lists.values()
        for candidate in ranking
    }
    fused = []
    for chunk_id, document_id in chunks.items():
        parts = [ranking.part(chunk_id) for ranking in rankings]
        score = 0.0
        for part in parts:
            score += part.weight * part.normalized
        fused.append(Ranked(chunk_id, document_id, score, parts))
    return sorted(fused, key=_order)


def single(leg: Leg, ranking: Sequence[Candidate]) -> list[Ranked]:
    """Return one leg's ranking with the leg's own scores, best first, ties by chunk id."""
    in_order = sorted(ranking, key=_order)
    return [
        Ranked(*candidate, (Part(leg, rank, candidate.score, candidate.score, 1.0),))
        for rank, candidate in enumerate(in_order, start=1)
    ]


def _order(found: Candidate | Ranked) -> tuple[float, int]:
    return -found.score, found.chunk_id


def best_of_documents(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Return the best chunk of each document, in order."""
    best: dict[int, Ranked] = {}
    for candidate in ranked:
        best.setdefault(candidate.document_id, candidate)
    return list(best.values())


class _Ranking:
    """One leg's list with its scale and its part of the fused score."""

    def __init__(self, leg: Leg, ranking: Sequence[Candidate], weight: float) -> None:
        self.leg = leg
        self.weight = weight
        self.found = {
            candidate.chunk_id: (rank, candidate.score)
            for rank, candidate in enumerate(ranking, start=1)
        }
        scores = [candidate.score for candidate in ranking]
        self.lowest = min(scores, default=0.0)
        self.highest = max(scores, default=0.0)
        is_last_assumed = leg is Leg.DENSE and bool(ranking)
        self.if_missing = self.normalized(self.lowest) if is_last_assumed else 0.0

    def part(self, chunk_id: int) -> Part:
        rank, score = self.found.get(chunk_id, (None, None))
        normalized = self.if_missing if score is None else self.normalized(score)
        return Part(self.leg, rank, score, normalized, self.weight)

    def normalized(self, score: float) -> float:
        """Return the score as a part of the list's maximum, 1 for the best.

        Inner products can be below 0 without bound; then the list is stretched from 0 to 1.
        """
        if self.highest > 0 and self.lowest >= -self.highest:
            return score / self.highest
        if self.highest == self.lowest:
            return 1.0
        return (score - self.lowest) / (self.highest - self.lowest)
