"""From scores to places: the rules' boosts, near-duplicates, diversity, the places; pure."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from embedhub.recommend.candidates import Candidate
from embedhub.recommend.diversity import diversify
from embedhub.recommend.interactions import Floats
from embedhub.recommend.request import Diversity
from embedhub.recommend.rules.applying import Placing, adjust, place
from embedhub.recommend.rules.effects import Matches
from embedhub.recommend.rules.rule import Rules

Vectors = Mapping[int, Floats]


@dataclass(frozen=True, slots=True)
class Manner:
    """How candidates become a list: `likeness` 1 collapses nothing, `relevance` 1 is MMR's off.

    `looks` are the vectors that diversity compares, `contents` those of near-duplicates.
    """

    rules: Rules = field(default_factory=Rules)
    matches: Matches = field(default_factory=dict)
    relevance: float = 1.0
    likeness: float | None = None
    looks: Vectors = field(default_factory=dict)
    contents: Vectors = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Ordered:
    """A list of places, what diversity cost, and who stands for which near-duplicates."""

    placing: Placing
    diversity: Diversity | None
    collapsed: Mapping[int, tuple[Candidate, ...]]
    # in the order of relevance and rules, before diversity
    adjusted: Sequence[Candidate]


def order(ranked: Sequence[Candidate], manner: Manner, k: int) -> Ordered:
    """Return the first k places of a ranked list."""
    adjusted, effects = adjust(ranked, manner.rules, manner.matches)
    kept, collapsed = collapse(adjusted, manner)
    # With rules any of them may come to stand in the list, else only the first ones do.
    spread, score_kept = diversified(kept, manner, len(kept) if manner.rules else k)
    rng = random.Random(manner.seed)  # noqa: S311 - draws, no secrets
    placing = place(spread, manner.rules, k, rng, matches=manner.matches, effects=effects)
    n_collapsed = sum(map(len, collapsed.values()))
    diversity = None
    if manner.relevance < 1 or n_collapsed:
        diversity = Diversity(manner.relevance, score_kept, n_collapsed)
    return Ordered(placing, diversity, collapsed, adjusted)


def collapse(
    ranked: Sequence[Candidate], manner: Manner
) -> tuple[list[Candidate], dict[int, tuple[Candidate, ...]]]:
    """Return the candidates without near-duplicates of a better one, and whom those stand for."""
    known = [one for one in ranked if one.item_id in manner.contents]
    if manner.likeness is None or len(known) < 2:
        return list(ranked), {}
    pinned = frozenset(manner.rules.pinned)
    vectors = _unit(np.stack([manner.contents[one.item_id] for one in known]))
    alike = vectors @ vectors.T >= manner.likeness
    stands_for: dict[int, int] = {}
    for at in np.flatnonzero(np.tril(alike, -1).any(axis=1)).tolist():
        if known[at].external_id in pinned:
            continue
        better = next((b for b in np.flatnonzero(alike[at, :at]) if b not in stands_for), None)
        if better is not None:
            stands_for[at] = int(better)
    collapsed: dict[int, tuple[Candidate, ...]] = {}
    for at, first in stands_for.items():
        standing = known[first].item_id
        collapsed[standing] = (*collapsed.get(standing, ()), known[at])
    gone = {known[at].item_id for at in stands_for}
    return [one for one in ranked if one.item_id not in gone], collapsed


def diversified(
    ranked: Sequence[Candidate], manner: Manner, k: int
) -> tuple[list[Candidate], float]:
    """Return the first k candidates by MMR, and the share of the list's scores that it kept.

    Scores count from 0, the last candidate's, to 1, the first one's.
    """
    looks = manner.looks
    if manner.relevance >= 1 or not looks or len(ranked) <= 1:
        return list(ranked), 1.0
    nothing = np.zeros_like(next(iter(looks.values())))
    vectors = np.stack([looks.get(one.item_id, nothing) for one in ranked])
    scores = np.array([one.score for one in ranked])
    chosen = diversify(np.arange(len(ranked)), scores, vectors, k, manner.relevance)
    span = float(scores[0] - scores.min())
    kept = 1.0
    if span:
        scaled = (scores - scores.min()) / span
        kept = float(scaled[chosen].sum() / max(scaled[: len(chosen)].sum(), 1e-12))
    rest = np.setdiff1d(np.arange(len(ranked)), chosen)
    return [ranked[at] for at in (*chosen, *rest)], min(kept, 1.0)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
