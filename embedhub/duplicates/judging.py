"""What becomes of a compared pair: its score, its kind, whether anybody has to be asked; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from embedhub.duplicates.evidence import Evidence
from embedhub.duplicates.scoring import Weights, as_json, parts_of, score_of
from embedhub.duplicates.weights import WITH_VECTORS, WORDS_ALONE

# Of pairs that score less nothing is kept: "what if" looks no further down.
KEPT_FROM = 0.05
# Words in common from which a pair is called a copy, and not two texts of one meaning.
COPIED_WORDS = 0.5


class Kind(StrEnum):
    """How two rows are alike."""

    EXACT = "exact"
    NEAR_COPY = "near_copy"
    SEMANTIC = "semantic"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score a pair is taken for duplicates by itself, and from which it is shown.

    `semantic` is the cosine from which texts of other words are shown; None: never.
    """

    automatic: float
    review: float
    semantic: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair as it is stored."""

    kind: Kind
    score: float
    is_automatic: bool
    contradictions: tuple[str, ...]
    parts: list[dict[str, Any]]


def judge(evidence: Evidence, thresholds: Thresholds) -> Judged | None:
    """Return what a pair is stored as; None for one that nobody would call duplicates.

    A pair that contradicts itself in a number, date, unit, code or negation is never automatic,
    nor is one of other words: those are for people.
    """
    weights = weights_for(evidence)
    score = score_of(evidence, weights)
    kind = kind_of(evidence)
    is_near = (
        kind is Kind.SEMANTIC
        and thresholds.semantic is not None
        and evidence.cosine is not None
        and evidence.cosine >= thresholds.semantic
    )
    if score < KEPT_FROM and not is_near and not is_contradicted_copy(evidence):
        return None
    is_automatic = (
        score >= thresholds.automatic and not evidence.contradictions and kind is not Kind.SEMANTIC
    )
    return Judged(
        kind=kind,
        score=score,
        is_automatic=is_automatic,
        contradictions=evidence.contradictions,
        parts=as_json(parts_of(evidence, weights)),
    )


def weights_for(evidence: Evidence) -> Weights:
    """Return the weights for pairs with a cosine, or for those without."""
    return WORDS_ALONE if evidence.cosine is None else WITH_VECTORS


def kind_of(evidence: Evidence) -> Kind:
    """Return how two rows are alike, whether or not they are duplicates."""
    if evidence.exact:
        return Kind.EXACT
    is_copy = max(evidence.words, evidence.letters) >= COPIED_WORDS
    return Kind.NEAR_COPY if is_copy else Kind.SEMANTIC


def is_contradicted_copy(evidence: Evidence) -> bool:
    """Say whether texts are copies but for a fact: worth a look, whatever their score."""
    return bool(evidence.contradictions) and evidence.jaccard >= COPIED_WORDS


def strongest(pairs: Sequence[Judged]) -> Judged | None:
    """Return the pair of the highest score; None of none."""
    return max(pairs, key=lambda pair: pair.score, default=None)
