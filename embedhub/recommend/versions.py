"""The version of a recommender that answers: what a reader needs beside rows of items.

A version numbers the items it was trained on (positions 0 to n_items - 1). Neighbours are stored by
item and source with the positions they add to; `item_priors` leads from positions to items. Nothing
here grows with the catalog.

What stands for all items, so that z-scores need not look at each (population moments, over the
items that have a position):

* `Moments.mean`, `.covariance` of item vectors: scores x · v have mean x · m and variance x'Cx;
* a prior's mean and variance are numbers;
* of a neighbour source the summed rows are all that is not 0.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub.recommend.blending import bucket_of
from embedhub.recommend.queries import versions as queries
from embedhub.tables import RecommenderVersion

Array = NDArray[np.float32]
Key = tuple[int, datetime]
# Each of them some hundred kilobytes.
KEPT_ARRAYS = 64


class Status(StrEnum):
    """The life of a version."""

    TRAINING = "training"  # being stored
    REJECTED = "rejected"  # not better than what there was; only its figures are kept
    READY = "ready"  # could answer
    LIVE = "live"
    RETIRED = "retired"  # has answered, and can again
    DROPPED = "dropped"  # too old: only its figures are left


class SourceKind(StrEnum):
    """How a source scores, which says what is read of it."""

    NEIGHBORS = "neighbors"  # rows of item_neighbors, added up over the history
    FACTORS = "factors"  # vectors of the version's factor space
    CONTENT = "content"  # vectors of its content space
    PRIOR = "prior"  # item_priors.popularity


class FoldIn(StrEnum):
    """How a user's vector is made of the vectors of a history."""

    # (unseen · gram + sum of weight · item item' + p · 1) x = sum of weight · item, where
    # p = penalty · (sum of weights + unseen · n_items)
    SOLVE = "solve"
    # mean of the items' vectors, weighted
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean vector and covariance matrix of the vectors of all items with a position."""

    mean: Array
    covariance: Array


@dataclass(frozen=True, slots=True)
class FactorSource:
    """What folding a history in needs; `gram` is items' · items, without the `unseen`."""

    fold_in: FoldIn
    moments: Moments
    penalty: float = 0.0
    unseen: float = 0.0
    gram: Array | None = None


@dataclass(frozen=True, slots=True)
class PriorSource:
    """Mean and variance of the popularity of all items with a position."""

    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Version:
    """A stored recommender. `kinds` says of each source by name how it scores.

    `weights` maps buckets of `blending.BUCKETS` to weights of sources; `half_life` counts events of
    the history (None: no decay). Ids of spaces are None where there is no such source.
    """

    id: int
    catalog_id: int
    number: int
    status: Status
    n_items: int
    n_interactions: int
    trained_through: datetime | None
    published_at: datetime | None
    half_life: float | None
    weights: Mapping[int, Mapping[str, float]]
    kinds: Mapping[str, SourceKind]
    factors: Mapping[str, FactorSource]
    prior: PriorSource | None
    content: Moments | None
    factor_space_id: int | None
    user_space_id: int | None
    content_space_id: int | None

    def weights_for(self, length: int) -> Mapping[str, float]:
        """Return the weights of sources for a history of `length` items; the prior's for none."""
        return self.weights.get(bucket_of(length), {"popularity": 1.0})


def live(session: Session, catalog_id: int) -> Version | None:
    """Return the version that answers for a catalog in this transaction; None without one.

    One row is read; the arrays, which never change, are kept in this process.
    """
    row = queries.find_live(session, catalog_id=catalog_id)
    return None if row is None else load(session, row)


def load(session: Session, row: RecommenderVersion) -> Version:
    """Return a stored version of which there is the row."""
    arrays = arrays_of(session, row)
    sources: dict[str, dict[str, Any]] = row.settings.get("sources", {})
    prior = next((one for one in sources.values() if one["kind"] == SourceKind.PRIOR), None)
    has_content = "content.mean" in arrays
    return Version(
        id=row.id,
        catalog_id=row.catalog_id,
        number=row.number,
        status=Status(row.status),
        n_items=row.n_items,
        n_interactions=row.n_interactions,
        trained_through=row.trained_through,
        published_at=row.published_at,
        half_life=row.settings.get("half_life"),
        weights={int(bucket): each for bucket, each in row.settings.get("weights", {}).items()},
        kinds={name: SourceKind(facts["kind"]) for name, facts in sources.items()},
        factors={
            name: _factors(name, facts, arrays)
            for name, facts in sources.items()
            if facts["kind"] == SourceKind.FACTORS
        },
        prior=None if prior is None else PriorSource(prior["mean"], prior["variance"]),
        content=_moments("content", arrays) if has_content else None,
        factor_space_id=row.factor_space_id,
        user_space_id=row.user_space_id,
        content_space_id=row.content_space_id,
    )


def _factors(name: str, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> FactorSource:
    return FactorSource(
        fold_in=FoldIn(facts["fold_in"]),
        moments=_moments(name, arrays),
        penalty=facts.get("penalty", 0.0),
        unseen=facts.get("unseen", 0.0),
        gram=arrays.get(f"{name}.gram"),
    )


def _moments(name: str, arrays: Mapping[str, Array]) -> Moments:
    return Moments(arrays[f"{name}.mean"], arrays[f"{name}.covariance"])


class _Kept:
    """Arrays of the versions used last, by version."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_key: OrderedDict[Key, dict[str, Array]] = OrderedDict()

    def get(self, key: Key) -> dict[str, Array] | None:
        with self._lock:
            if key in self._by_key:
                self._by_key.move_to_end(key)
            return self._by_key.get(key)

    def put(self, key: Key, arrays: dict[str, Array]) -> None:
        with self._lock:
            self._by_key[key] = arrays
            while len(self._by_key) > KEPT_ARRAYS:
                self._by_key.popitem(last=False)


_kept = _Kept()


def arrays_of(session: Session, row: RecommenderVersion) -> dict[str, Array]:
    """Return the arrays of a version by name, which never change once it is stored."""
    # An id may come again in a database restored to an older state, but not at the same moment.
    key = (row.id, row.created_at)
    kept = _kept.get(key)
    if kept is None:
        kept = {
            name: np.frombuffer(data, "<f4").reshape(shape)
            for name, shape, data in queries.arrays_of(session, row.id)
        }
        if row.status != Status.TRAINING:
            _kept.put(key, kept)
    return kept
