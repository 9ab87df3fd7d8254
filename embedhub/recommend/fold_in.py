"""A history folded into a stored version within a snapshot: what each source is read of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from embedhub.recommend.folding import (
    Folded,
    NeighborSum,
    PriorOf,
    VectorSum,
    fold_content,
    fold_factors,
)
from embedhub.recommend.history import History
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.queries import pools as queries
from embedhub.recommend.queries.pools import Leg, NeighborRows
from embedhub.recommend.versions import FoldIn, SourceKind, Version
from embedhub.tables import Space

NO_POSITIONS: Integers = np.zeros(0, dtype=np.int64)
# An example alone says little of its user, but all of what is wanted.
EXAMPLE_LENGTH = 5


@dataclass(frozen=True)
class Folding:
    """A history folded into a version's sources; `sign` is what its scores count."""

    sources: Mapping[str, Folded]
    weights: Mapping[str, float]
    kinds: Mapping[str, SourceKind]
    history: History
    legs: Mapping[str, Leg]
    sign: float = 1.0

    def of_kinds(self, *kinds: SourceKind) -> dict[str, float]:
        """Return the weights of the sources of these kinds."""
        return {name: w for name, w in self.weights.items() if self.kinds.get(name) in kinds}


def fold(
    session: Session,
    version: Version,
    history: History,
    spaces: Mapping[int, Space],
    *,
    are_examples: bool = False,
    sign: float = 1.0,
    weights: Mapping[str, float] | None = None,
) -> Folding:
    """Return a history folded into the sources that have a weight for its length.

    Items that neither the version nor its factor space knows are left out. Examples are not a
    person's taste: popularity says nothing about what is like them. `weights` of sources take the
    place of the version's.
    """
    known = queries.known_items(session, version_id=version.id, item_ids=history.items)
    factor_space = spaces.get(version.factor_space_id or 0)
    content_space = spaces.get(version.content_space_id or 0)
    factors: dict[int, Floats] = {}
    if factor_space is not None and history.items:
        factors = queries.vectors(session, factor_space, history.items)
    history = history.only(known.keys() | factors.keys())
    length = len(history.items)
    if weights is None:
        weights = version.weights_for(max(length, EXAMPLE_LENGTH) if are_examples else length)
    if are_examples:
        weights = {n: w for n, w in weights.items() if version.kinds.get(n) != SourceKind.PRIOR}
    reader = _Reader(session, version, history, known, factors, factor_space)
    sources: dict[str, Folded] = {}
    legs: dict[str, Leg] = {}
    used = {name: weight for name, weight in weights.items() if weight and name in version.kinds}
    rows = reader.rows([n for n in used if version.kinds[n] is SourceKind.NEIGHBORS])
    for name in used:
        match version.kinds[name]:
            case SourceKind.NEIGHBORS:
                sources[name] = reader.neighbors(rows[name])
            case SourceKind.FACTORS if factor_space is not None:
                sources[name] = source = reader.factors(name)
                legs[name] = Leg(factor_space, source.vector)
            case SourceKind.CONTENT if content_space is not None and version.content:
                sources[name] = source = reader.content(name, content_space)
                legs[name] = Leg(content_space, source.vector)
            case SourceKind.PRIOR if version.prior is not None:
                seen = np.array([one.popularity for one in known.values()], dtype=np.float64)
                prior = version.prior
                sources[name] = PriorOf(version.n_items, prior.mean, prior.variance, seen)
            case _:
                pass
    return Folding(sources, used, version.kinds, history, legs, sign)


@dataclass(frozen=True)
class _Reader:
    """Reads what the sources of a version hold of one history."""

    session: Session
    version: Version
    history: History
    known: Mapping[int, queries.Known]
    vectors: Mapping[int, Floats]
    factor_space: Space | None

    def rows(self, sources: Sequence[str]) -> dict[str, NeighborRows]:
        if not sources:
            return {}
        return queries.neighbors(
            self.session,
            version_id=self.version.id,
            sources=sources,
            item_ids=self.history.items,
        )

    def neighbors(self, found: NeighborRows) -> NeighborSum:
        places = {item: place for place, item in enumerate(self.history.items)}
        rows = np.array([places[item] for item in found.item_ids], dtype=np.int64)
        return NeighborSum(
            n_items=self.version.n_items,
            amounts=self.history.amounts,
            rows=np.repeat(rows, found.sizes),
            positions=found.positions,
            weights=found.weights,
            seen=np.array([one.position for one in self.known.values()], dtype=np.int64),
        )

    def factors(self, name: str) -> VectorSum:
        facts, n_items = self.version.factors[name], self.version.n_items
        mean = facts.moments.mean.astype(np.float64)
        vectors = self._stacked(self.vectors, len(mean))
        missing = None
        if facts.fold_in is FoldIn.SOLVE and facts.gram is not None:
            shares = fold_factors(
                self.history.amounts, vectors, gram=facts.gram.astype(np.float64),
                penalty=facts.penalty, unseen=facts.unseen, n_items=n_items,
            )  # fmt: skip
        else:
            shares, missing = fold_content(self.history.amounts, vectors), 0.0
        covariance = facts.moments.covariance.astype(np.float64)
        seen = self._seen(self.vectors, mean)
        return VectorSum(name, shares, n_items, mean, covariance, seen, missing)

    def content(self, name: str, space: Space) -> VectorSum:
        moments = self.version.content
        assert moments is not None  # noqa: S101 - the caller asked
        found = queries.vectors(self.session, space, self.history.items)
        mean = moments.mean.astype(np.float64)
        return VectorSum(
            name,
            fold_content(self.history.amounts, self._stacked(found, len(mean))),
            self.version.n_items,
            mean,
            moments.covariance.astype(np.float64),
            self._seen(found, mean),
            # As in training: a text that is not there resembles nothing.
            missing=0.0,
        )

    def _stacked(self, found: Mapping[int, Floats], width: int) -> Floats:
        """Return the vectors of the history, 0 for an item without one."""
        nothing = np.zeros(width)
        rows = [found.get(item, nothing) for item in self.history.items]
        return np.stack(rows) if rows else np.zeros((0, width))

    def _seen(self, found: Mapping[int, Floats], mean: Floats) -> Floats:
        """Return the vectors of the history's items that moments were made of."""
        nothing = np.zeros(len(mean))
        rows = [found.get(item, nothing) for item in self.known]
        return np.stack(rows) if rows else np.zeros((0, len(mean)))
