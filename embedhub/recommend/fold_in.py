"""A history folded into a stored version within a snapshot: what each source is read of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from embedhub.direct import conversation
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
from embedhub.recommend.queries import proposals
from embedhub.recommend.queries.pools import Leg, NeighborRows
from embedhub.recommend.versions import FoldIn, PriorSource, SourceKind, Version
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
    # items near its vectors and popular ones, where they were asked for
    proposed: Sequence[int] = ()
    # sources that know the user by a vector of their own and not by the history
    given: frozenset[str] = frozenset()

    @property
    def of_given(self) -> dict[str, float]:
        """Return the weights of the sources that have a vector of the user."""
        return {name: weight for name, weight in self.weights.items() if name in self.given}

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
    n_pool: int = 0,
    user_vector: Floats | None = None,
) -> Folding:
    """Return a history folded into the sources that have a weight for its length.

    Items that neither the version nor its factor space knows are left out. Examples are not a
    person's taste: popularity says nothing about what is like them. `weights` of sources take the
    place of the version's. With `n_pool` vectors and popularity propose items for so large a pool.
    `user_vector`, in the factor space, takes the place of the history's there.
    """
    factor_space = spaces.get(version.factor_space_id or 0)
    content_space = spaces.get(version.content_space_id or 0)
    known, factors = _stored(session, version, history, factor_space)
    history = history.only(known.keys() | factors.keys())
    used = _used(version, len(history.items), weights, are_examples=are_examples)
    if user_vector is not None and not history.items:
        used = _without_history(version)
    named = _Named.of(version, used, factor_space, content_space)
    reader = _Reader(version, history, known, user_vector)
    most = n_pool if sign > 0 else 0
    sources, legs, proposed = _ask(session, reader, named, factors, n_pool=most)
    given = frozenset() if user_vector is None else frozenset(named.factors)
    return Folding(sources, used, version.kinds, history, legs, sign, proposed, given)


def _ask(
    session: Session,
    reader: "_Reader",
    named: "_Named",
    factors: Mapping[int, Floats],
    *,
    n_pool: int,
) -> tuple[dict[str, Folded], dict[str, Leg], list[int]]:
    """Return the sources, the vectors of the user, and the items these and popularity propose."""
    version_id, history = reader.version.id, reader.history
    sources: dict[str, Folded] = {name: reader.prior(prior) for name, prior in named.priors.items()}
    legs: dict[str, Leg] = {}
    near: list[Callable[[], list[int]]] = []
    most = _most_near(named, n_pool)
    # In this order the database looks for what is near while neighbors are taken apart.
    with conversation(session) as send:

        def look(name: str, source: VectorSum, space: Space) -> None:
            sources[name], legs[name] = source, Leg(space, source.vector)
            near.extend(map(send, proposals.near(legs[name], most=most) if most else ()))

        rows = send(
            queries.neighbors(
                version_id=version_id, sources=named.neighbors, item_ids=history.weighty
            )
        )
        contents = {
            name: send(queries.vectors_of(space, history.items))
            for name, space in named.contents.items()
        }
        for name, space in named.factors.items():
            look(name, reader.factors(name, factors), space)
        entries = rows()
        for name, space in named.contents.items():
            look(name, reader.content(name, contents[name]()), space)
        if most and named.priors:
            near.append(send(proposals.most_popular(version_id=version_id, most=n_pool // 6)))
        for name in named.neighbors:
            sources[name] = summed = reader.neighbors(entries[name])
            summed.sum_up()
        return sources, legs, [item for answer_of in near for item in answer_of()]


def _stored(
    session: Session, version: Version, history: History, factor_space: Space | None
) -> tuple[dict[int, queries.Known], dict[int, Floats]]:
    """Return what a version knows of a history's items, and their factors."""
    factors: dict[int, Floats] = {}
    with conversation(session) as send:
        answer = send(queries.known_items(version_id=version.id, item_ids=history.items))
        if factor_space is not None and history.items:
            factors = send(queries.vectors_of(factor_space, history.items))()
        return answer(), factors


def _used(
    version: Version, length: int, weights: Mapping[str, float] | None, *, are_examples: bool
) -> dict[str, float]:
    """Return the weights of the sources that count for a history of this length."""
    if weights is None:
        weights = version.weights_for(max(length, EXAMPLE_LENGTH) if are_examples else length)
    return {
        name: weight
        for name, weight in weights.items()
        if weight
        and name in version.kinds
        and not (are_examples and version.kinds[name] is SourceKind.PRIOR)
    }


def _without_history(version: Version) -> dict[str, float]:
    """Return what counts for a user with a vector of their own who has done nothing yet."""
    # As of the shortest history, but for what needs one.
    knowing = (SourceKind.FACTORS, SourceKind.PRIOR)
    shortest = _used(version, 1, None, are_examples=False)
    return {name: weight for name, weight in shortest.items() if version.kinds[name] in knowing}


def _most_near(named: "_Named", n_pool: int) -> int:
    """Return how many items each vector proposes for a pool of so many."""
    # An HNSW scan costs by the item, and so does looking items up: the first ones decide a list,
    # and fewer where neighbors propose most of the pool.
    return n_pool // 3 if named.neighbors else n_pool // 2


@dataclass(frozen=True)
class _Named:
    """The sources that count, by what is read for them."""

    neighbors: list[str]
    factors: dict[str, Space]
    contents: dict[str, Space]
    priors: dict[str, PriorSource]

    @classmethod
    def of(
        cls,
        version: Version,
        used: Mapping[str, float],
        factor_space: Space | None,
        content_space: Space | None,
    ) -> "_Named":
        def spaces(kind: SourceKind, space: Space | None) -> dict[str, Space]:
            if space is None:
                return {}
            return {name: space for name in used if version.kinds[name] is kind}

        return cls(
            [name for name in used if version.kinds[name] is SourceKind.NEIGHBORS],
            spaces(SourceKind.FACTORS, factor_space),
            spaces(SourceKind.CONTENT, content_space if version.content else None),
            {
                name: version.prior
                for name in used
                if version.kinds[name] is SourceKind.PRIOR and version.prior is not None
            },
        )


@dataclass(frozen=True)
class _Reader:
    """Makes the sources of a version for one history of what is stored."""

    version: Version
    history: History
    known: Mapping[int, queries.Known]
    user_vector: Floats | None = None

    def prior(self, prior: PriorSource) -> PriorOf:
        seen = np.array([one.popularity for one in self.known.values()], dtype=np.float64)
        return PriorOf(self.version.n_items, prior.mean, prior.variance, seen)

    def neighbors(self, found: NeighborRows) -> NeighborSum:
        places = {item: place for place, item in enumerate(self.history.items)}
        return NeighborSum(
            n_items=self.version.n_items,
            amounts=self.history.amounts,
            places=np.array([places[item] for item in found.item_ids], dtype=np.int64),
            ends=np.concatenate(([0], np.cumsum(found.sizes))),
            positions=found.positions,
            weights=found.weights,
            seen=np.array([one.position for one in self.known.values()], dtype=np.int64),
        )

    def factors(self, name: str, found: Mapping[int, Floats]) -> VectorSum:
        facts, n_items = self.version.factors[name], self.version.n_items
        mean = facts.moments.mean.astype(np.float64)
        vectors = self._stacked(found, len(mean))
        missing = None
        if self.user_vector is not None:
            shares, missing = self.user_vector[None, :], 0.0
        elif facts.fold_in is FoldIn.SOLVE and facts.gram is not None:
            shares = fold_factors(
                self.history.amounts, vectors, gram=facts.gram.astype(np.float64),
                penalty=facts.penalty, unseen=facts.unseen, n_items=n_items,
            )  # fmt: skip
        else:
            shares, missing = fold_content(self.history.amounts, vectors), 0.0
        covariance = facts.moments.covariance.astype(np.float64)
        seen = self._seen(found, mean)
        return VectorSum(name, shares, n_items, mean, covariance, seen, missing)

    def content(self, name: str, found: Mapping[int, Floats]) -> VectorSum:
        moments = self.version.content
        assert moments is not None  # noqa: S101 - the caller asked
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
