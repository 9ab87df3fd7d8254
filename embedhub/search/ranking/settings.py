"""The setting `ranking` of a collection, strictly checked; pure.

It holds what is not the default, by these keys, all optional:

    {"weights": {"dense": 0.6},
     "fields": {"title": 0.2, "heading": 0.1},
     "recency": {"field": "published", "half_life_days": 30, "weight": 0.3},
     "boosts": [{"filter": {"kind": "faq"}, "factor": 1.2, "offset": 0.0}],
     "diversity": 0.2,
     "collapse": {"by": "vectors", "threshold": 0.95},
     "reranker": {"name": "local", "candidates": 50, "budget_ms": 500, "weight": 1.0}}
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.ranking.values import (
    known_keys,
    listed,
    mapping,
    number,
    text,
    whole_number,
)

MAX_BOOSTS = 20
MAX_FACTOR = 100.0
MAX_OFFSET = 10.0
MAX_FIELD_WEIGHT = 10.0
MAX_HALF_LIFE_DAYS = 36_500.0
MAX_CANDIDATES, DEFAULT_CANDIDATES = 500, 50
MAX_BUDGET_MS, DEFAULT_BUDGET_MS = 10_000, 1_000
MAX_NAME_CHARS = 200
DEFAULT_RECENCY_WEIGHT = 0.5
DEFAULT_THRESHOLD = 0.95


class CollapseBy(StrEnum):
    """What two near-duplicates have in common: their meaning, or runs of words."""

    VECTORS = "vectors"
    SHINGLES = "shingles"


@dataclass(frozen=True, slots=True)
class FieldWeights:
    """What a title or heading with all words of the query adds, in parts of the best score."""

    title: float = 0.0
    heading: float = 0.0


@dataclass(frozen=True, slots=True)
class Recency:
    """Old documents lose up to `weight` (0 to 1) of their score, half of it at the half-life.

    `field` is a filterable field declared as date; None is the moment a document was added. A
    document without the date counts as endlessly old.
    """

    half_life_days: float
    field: str | None = None
    weight: float = DEFAULT_RECENCY_WEIGHT


@dataclass(frozen=True, slots=True)
class Boost:
    """Documents that pass a filter: their score times `factor`, plus `offset` best scores."""

    filter: Mapping[str, Any]
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Collapse:
    """Hits at least so alike (cosine, or share of common word triples) as a better one are folded.

    Above a threshold of 0 up to 1.
    """

    by: CollapseBy = CollapseBy.VECTORS
    threshold: float = DEFAULT_THRESHOLD


@dataclass(frozen=True, slots=True)
class Reranker:
    """A configured reranker reads the best candidates; `weight` (0 to 1) is its part of the score.

    When it takes longer than `budget_ms` or fails, the order stays the one before.
    """

    name: str
    candidates: int = DEFAULT_CANDIDATES
    budget_ms: int = DEFAULT_BUDGET_MS
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """What ranks beyond the default; None, zero and empty mean: does not take part.

    `dense_weight` is the dense leg's part of the fused score, 0 to 1. `diversity`, 0 to 1, is what
    a hit loses, in best scores, for being the same as one before it.
    """

    dense_weight: float | None = None
    fields: FieldWeights = FieldWeights()
    recency: Recency | None = None
    boosts: tuple[Boost, ...] = ()
    diversity: float = 0.0
    collapse: Collapse | None = None
    reranker: Reranker | None = None

    @classmethod
    def from_mapping(cls, raw: object, field: str = "ranking") -> "RankingSettings":
        """Return the settings; None for a key is as if it were not there.

        Raises InvalidInput and TooLarge naming the part, such as ranking.boosts.0.factor. Filters
        and names are looked at by `checks.check_ranking`, which knows the collection.
        """
        given = mapping(raw, field)
        known_keys(given, KEYS, field)
        present = {key: value for key, value in given.items() if value is not None}
        settings = {
            ATTRIBUTES.get(key, key): _READERS[key](value, f"{field}.{key}")
            for key, value in present.items()
        }
        return cls(**settings)

    def as_mapping(self) -> dict[str, Any]:
        """Return what from_mapping turns into equal settings: only what is not the default."""
        found: dict[str, Any] = {}
        if self.dense_weight is not None:
            found["weights"] = {"dense": self.dense_weight}
        if self.fields != FieldWeights():
            found["fields"] = {"title": self.fields.title, "heading": self.fields.heading}
        if self.recency is not None:
            found["recency"] = {
                "field": self.recency.field,
                "half_life_days": self.recency.half_life_days,
                "weight": self.recency.weight,
            }
        if self.boosts:
            found["boosts"] = [
                {"filter": dict(boost.filter), "factor": boost.factor, "offset": boost.offset}
                for boost in self.boosts
            ]
        if self.diversity:
            found["diversity"] = self.diversity
        if self.collapse is not None:
            found["collapse"] = {
                "by": self.collapse.by.value,
                "threshold": self.collapse.threshold,
            }
        if self.reranker is not None:
            found["reranker"] = {
                "name": self.reranker.name,
                "candidates": self.reranker.candidates,
                "budget_ms": self.reranker.budget_ms,
                "weight": self.reranker.weight,
            }
        return found


def merged(stored: Mapping[str, Any], override: object, field: str = "ranking") -> dict[str, Any]:
    """Return a stored setting with a request's keys in place of its own.

    A key replaces the whole of that part; null takes the part away. Raises InvalidInput naming the
    part for a key that there is none of.
    """
    given = mapping(override, field)
    known_keys(given, KEYS, field)
    both = {**stored, **given}
    return {key: value for key, value in both.items() if value is not None}


def _dense_weight(raw: object, field: str) -> float:
    weights = mapping(raw, field)
    known_keys(weights, ("dense",), field)
    if "dense" not in weights:
        raise InvalidInput("give the weight of dense", field)
    return number(weights["dense"], f"{field}.dense", lowest=0, highest=1)


def _fields(raw: object, field: str) -> FieldWeights:
    weights = mapping(raw, field)
    known_keys(weights, ("title", "heading"), field)
    read = {
        name: number(weight, f"{field}.{name}", lowest=0, highest=MAX_FIELD_WEIGHT)
        for name, weight in weights.items()
    }
    return FieldWeights(**read)


def _recency(raw: object, field: str) -> Recency:
    given = mapping(raw, field)
    known_keys(given, ("field", "half_life_days", "weight"), field)
    if "half_life_days" not in given:
        raise InvalidInput("give the age in days at which half is lost", f"{field}.half_life_days")
    name = given.get("field")
    return Recency(
        half_life_days=number(
            given["half_life_days"],
            f"{field}.half_life_days",
            above=0,
            highest=MAX_HALF_LIFE_DAYS,
        ),
        field=None if name is None else text(name, f"{field}.field", MAX_NAME_CHARS),
        weight=number(
            given.get("weight", DEFAULT_RECENCY_WEIGHT), f"{field}.weight", lowest=0, highest=1
        ),
    )


def _boosts(raw: object, field: str) -> tuple[Boost, ...]:
    boosts = listed(raw, field)
    if len(boosts) > MAX_BOOSTS:
        raise TooLarge(f"at most {MAX_BOOSTS} boosts", field)
    return tuple(_boost(one, f"{field}.{position}") for position, one in enumerate(boosts))


def _boost(raw: object, field: str) -> Boost:
    given = mapping(raw, field)
    known_keys(given, ("filter", "factor", "offset"), field)
    condition = mapping(given.get("filter"), f"{field}.filter")
    if not condition:
        raise InvalidInput("a boost needs a filter of the documents it is for", f"{field}.filter")
    boost = Boost(
        filter=dict(condition),
        factor=number(given.get("factor", 1.0), f"{field}.factor", lowest=0, highest=MAX_FACTOR),
        offset=number(
            given.get("offset", 0.0), f"{field}.offset", lowest=-MAX_OFFSET, highest=MAX_OFFSET
        ),
    )
    if boost.factor == 1 and boost.offset == 0:
        raise InvalidInput("give a factor other than 1 or an offset other than 0", field)
    return boost


def _diversity(raw: object, field: str) -> float:
    return number(raw, field, lowest=0, highest=1)


def _collapse(raw: object, field: str) -> Collapse:
    given = mapping(raw, field)
    known_keys(given, ("by", "threshold"), field)
    by = given.get("by", CollapseBy.VECTORS)
    if by not in list(CollapseBy):
        raise InvalidInput(f"must be one of {', '.join(CollapseBy)}", f"{field}.by")
    threshold = number(
        given.get("threshold", DEFAULT_THRESHOLD), f"{field}.threshold", above=0, highest=1
    )
    return Collapse(CollapseBy(by), threshold)


def _reranker(raw: object, field: str) -> Reranker:
    given = mapping(raw, field)
    known_keys(given, ("name", "candidates", "budget_ms", "weight"), field)
    if "name" not in given:
        raise InvalidInput("name a configured reranker", f"{field}.name")
    return Reranker(
        name=text(given["name"], f"{field}.name", MAX_NAME_CHARS),
        candidates=whole_number(
            given.get("candidates", DEFAULT_CANDIDATES), f"{field}.candidates", 1, MAX_CANDIDATES
        ),
        budget_ms=whole_number(
            given.get("budget_ms", DEFAULT_BUDGET_MS), f"{field}.budget_ms", 1, MAX_BUDGET_MS
        ),
        weight=number(given.get("weight", 1.0), f"{field}.weight", lowest=0, highest=1),
    )


_READERS: dict[str, Callable[[object, str], Any]] = {
    "weights": _dense_weight,
    "fields": _fields,
    "recency": _recency,
    "boosts": _boosts,
    "diversity": _diversity,
    "collapse": _collapse,
    "reranker": _reranker,
}
KEYS = tuple(_READERS)
# What is called otherwise in the setting than in the dataclass.
ATTRIBUTES = {"weights": "dense_weight"}
