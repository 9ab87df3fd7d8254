"""Scores behind fusion: fields, age and boosts, one explained step each; pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedhub.search.fusion import Ranked
from embedhub.search.ranking.settings import Boost, FieldWeights, Recency

SECONDS_A_DAY = 86_400.0
MAX_DETAIL_CHARS = 200


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What adjusts the scores of a document's chunks.

    `dated_at` is its date in seconds since 1970, None without one; `boosts` are the numbers, from
    0, of the boosts whose filter it passes.
    """

    dated_at: float | None = None
    boosts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """The part of the query's words, by their weight, that a title and a heading hold, 0 to 1."""

    title: float = 0.0
    heading: float = 0.0


def best_score(ranked: Sequence[Ranked]) -> float:
    """Return the largest score by amount: what offsets are parts of."""
    return max((abs(one.score) for one in ranked), default=0.0)


def in_order(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Return the candidates by score, best first, ties by chunk id."""
    return sorted(ranked, key=lambda one: (-one.score, one.chunk_id))


def with_fields(one: Ranked, match: FieldMatch, weights: FieldWeights, best: float) -> Ranked:
    """Add what title and heading are worth, in parts of the best score."""
    for kind, share, weight in (
        ("title", match.title, weights.title),
        ("heading", match.heading, weights.heading),
    ):
        if share and weight:
            detail = f"{share:.0%} of the query's words, by weight"
            one = one.adjusted(kind, one.score + weight * share * best, detail)
    return one


def with_recency(one: Ranked, dated_at: float | None, recency: Recency, now: float) -> Ranked:
    """Take from the score what the document's age costs."""
    if dated_at is None:
        decay, detail = 0.0, "no date: counts as endlessly old"
    else:
        age_days = max(0.0, now - dated_at) / SECONDS_A_DAY
        decay = 0.5 ** (age_days / recency.half_life_days)
        detail = f"{age_days:.1f} days old, half-life {recency.half_life_days:g}"
    # The amount, not the score: what is below 0 (inner products) shall not rise with age.
    loss = recency.weight * (1 - decay) * abs(one.score)
    return one.adjusted("recency", one.score - loss, detail) if loss else one


def with_boosts(
    one: Ranked, passed: frozenset[int], boosts: Sequence[Boost], best: float
) -> Ranked:
    """Apply the boosts whose filter the document passes, in their order."""
    for number, boost in enumerate(boosts):
        if number in passed:
            gain = (boost.factor - 1) * abs(one.score) + boost.offset * best
            one = one.adjusted("boost", one.score + gain, written(boost.filter))
    return one


def written(condition: Mapping[str, object]) -> str:
    """Return a filter as one short line."""
    line = json.dumps(condition, ensure_ascii=False)
    return line if len(line) <= MAX_DETAIL_CHARS else f"{line[: MAX_DETAIL_CHARS - 1]}…"
