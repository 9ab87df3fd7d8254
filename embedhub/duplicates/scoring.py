"""The score of a pair: a logistic over its evidence, shown as the parts it is the sum of; pure.

The score is the chance that somebody calls the two duplicates, as learned from labelled pairs.
`learning` finds weights; the stored ones, `weights`, were learned on training pairs alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from embedhub.duplicates.evidence import Evidence

SIGNALS = (
    "exact",
    "jaccard",
    "words",
    "letters",
    "containment",
    "cosine",
    "length",
    "numbers",
    "dates",
    "units",
    "codes",
    "negation",
    "same_source",
)
FACTS = {"numbers": "number", "dates": "date", "units": "unit", "codes": "code"}
MAX_LOGIT = 30.0


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic: `base` is the log-odds of a pair whose signals have their typical values.

    A signal adds its weight times how far its value is above the typical one. One that has no
    weight, or no value, adds nothing.
    """

    base: float
    weights: Mapping[str, float]
    typical: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Part:
    """What one signal adds to a pair's log-odds, and its value in words."""

    name: str
    value: float
    share: float
    words: str


def values_of(evidence: Evidence) -> dict[str, float]:
    """Return the signals that have a value, as numbers from 0 to 1."""
    found = {name: getattr(evidence, name) for name in SIGNALS}
    return {name: float(value) for name, value in found.items() if value is not None}


def score_of(evidence: Evidence, weights: Weights) -> float:
    """Return the chance that the two are duplicates, from 0 to 1."""
    if evidence.exact:
        return 1.0
    values = values_of(evidence)
    return chance(weights.base + sum(added(values, weights).values()))


def added(values: Mapping[str, float], weights: Weights) -> dict[str, float]:
    """Return what each signal adds to the log-odds."""
    return {
        name: weight * (values[name] - weights.typical[name])
        for name, weight in weights.weights.items()
        if name in values
    }


def chance(logit: float) -> float:
    """Return the probability of log-odds."""
    return 1 / (1 + math.exp(-max(-MAX_LOGIT, min(MAX_LOGIT, logit))))


def parts_of(evidence: Evidence, weights: Weights) -> list[Part]:
    """Return the parts of a score, the weightiest first; of equal texts, that alone."""
    if evidence.exact:
        return [Part("exact", 1.0, 0.0, "the texts are equal but for case, spaces and markup")]
    values = values_of(evidence)
    shares = added(values, weights)
    parts = [
        Part(name, round(value, 4), round(shares.get(name, 0.0), 3), in_words(name, evidence))
        for name, value in values.items()
        if name != "exact"
    ]
    return sorted(parts, key=lambda part: -abs(part.share))


def in_words(name: str, evidence: Evidence) -> str:
    """Return what a signal says, for people."""
    if name in FACTS:
        is_against = FACTS[name] in evidence.contradictions
        return _facts_in_words(name, getattr(evidence, name), is_against=is_against)
    value = float(getattr(evidence, name))
    percent = f"{value:.0%}"
    return {
        "jaccard": f"{percent} of the runs of words are in both",
        "words": f"{percent} of the words are in both",
        "letters": f"{percent} of the letters' runs are in both",
        "containment": f"the longer text has {percent} of the shorter one's words",
        "cosine": f"cosine of the vectors {value:.3f}",
        "length": f"the shorter text has {percent} of the longer one's words",
        "negation": "as many negations" if value else "one denies what the other says",
        "same_source": "from the same source" if value else "from different sources",
    }[name]


def _facts_in_words(name: str, value: float, *, is_against: bool) -> str:
    if is_against:
        return f"different {name}: {value:.0%} are in both"
    return f"the same {name}, or none" if value == 1 else f"{name} that only one has"


def as_json(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return parts as they are stored and answered."""
    return [
        {"name": one.name, "value": one.value, "share": one.share, "words": one.words}
        for one in parts
    ]
