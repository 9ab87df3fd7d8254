"""The SQL of scoring: what is stored of a history's items, and of the items that come in question.

Answers of many rows come as one row of packed columns: thousands of rows of numbers cost more to
take apart than to find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    select,
    union,
)
from sqlalchemy.orm import Session

from embedhub.arrays import array, ids_of, packed
from embedhub.direct import Question, ask, written
from embedhub.recommend.folding import Pool
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.queries.permits import Permit, of_catalog
from embedhub.spaces.distance import Metric, QueryVector, exact_distance
from embedhub.tables import Embedding, Item, ItemPrior, Space

# Tables and not the mapped classes: queries for plain columns run without the ORM's share.
ITEMS, PRIOR, EMBEDDINGS = Item.__table__, ItemPrior.__table__, Embedding.__table__
# pgvector's binary form: two 16-bit numbers, then the elements.
HEADER_BYTES = 4
IDS = ids_of("item_ids")
PRIORS = written(
    select(PRIOR.c.item_id, PRIOR.c.position, PRIOR.c.popularity, PRIOR.c.n_events).where(
        PRIOR.c.version_id == bindparam("version_id"), PRIOR.c.item_id == any_(IDS)
    )
)
# A row a source: hundreds of kilobytes, which come as they are stored and not as text.
NEIGHBORS = b"""
    SELECT source, string_agg(int8send(item_id), ''), string_agg(int4send(length(positions)), ''),
           string_agg(positions, ''), string_agg(weights, '')
    FROM item_neighbors
    WHERE version_id = %(version_id)s AND source = ANY(%(sources)s)
      AND item_id = ANY(CAST(%(item_ids)s AS bigint[]))
    GROUP BY source
"""
VECTORS = written(
    select(EMBEDDINGS.c.owner_id, func.vector_send(EMBEDDINGS.c.vector)).where(
        EMBEDDINGS.c.shelf_id == bindparam("shelf_id"),
        EMBEDDINGS.c.space_id == bindparam("space_id"),
        EMBEDDINGS.c.owner_id == any_(IDS),
    )
)
NO_SIZES: Integers = np.zeros(0, dtype=np.int64)
NO_POSITIONS = np.zeros(0, dtype=np.int32)
NO_WEIGHTS = np.zeros(0, dtype=np.float32)
NAN: ColumnElement[float] = literal_column("'NaN'::float8")


@dataclass(frozen=True, slots=True)
class Known:
    """An item as a version knows it."""

    position: int
    popularity: float
    n_events: int


class NeighborRows(NamedTuple):
    """Rows of neighbors of one source, end to end: whose they are, how long, and what they hold."""

    item_ids: list[int]
    sizes: Integers
    positions: NDArray[np.int32]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Leg:
    """A vector of the user in a space of items: its inner products with them are asked for."""

    space: Space
    vector: Floats


def known_items(*, version_id: int, item_ids: Sequence[int]) -> Question[dict[int, Known]]:
    """Ask which of these items a version knows, and as what."""
    facts = {"version_id": version_id, "item_ids": array(item_ids)}
    return Question(PRIORS, facts, lambda rows: {row[0]: Known(*row[1:]) for row in rows})


def neighbors(
    *, version_id: int, sources: Sequence[str], item_ids: Sequence[int]
) -> Question[dict[str, NeighborRows]]:
    """Ask of each source for the neighbors of these items, as far as they have any."""

    def read(rows: Sequence[Any]) -> dict[str, NeighborRows]:
        nothing = NeighborRows([], NO_SIZES, NO_POSITIONS, NO_WEIGHTS)
        found = dict.fromkeys(sources, nothing)
        for source, ids, sizes, positions, weights in rows:
            found[source] = NeighborRows(
                np.frombuffer(ids, ">i8").tolist(),
                np.frombuffer(sizes, ">i4").astype(np.int64) // 4,
                np.frombuffer(positions, "<i4"),
                np.frombuffer(weights, "<f4"),
            )
        return found

    facts = {"version_id": version_id, "sources": list(sources), "item_ids": array(item_ids)}
    return Question(NEIGHBORS, facts, read)


def vectors_of(space: Space, item_ids: Sequence[int]) -> Question[dict[int, Floats]]:
    """Ask for the vectors of those of these items that have one in a space."""
    facts = {"shelf_id": space.shelf_id, "space_id": space.id, "item_ids": array(item_ids)}
    return Question(VECTORS, facts, _read_vectors)


def vectors(session: Session, space: Space, item_ids: Sequence[int]) -> dict[int, Floats]:
    """Return the vectors of those of these items that have one in a space."""
    return ask(session, vectors_of(space, item_ids))


def _read_vectors(rows: Sequence[Any]) -> dict[int, Floats]:
    if not rows:
        return {}
    sent = np.frombuffer(b"".join(row[1] for row in rows), np.uint8).reshape(len(rows), -1)
    found = np.ascontiguousarray(sent[:, HEADER_BYTES:]).view(">f4").astype(np.float64)
    return {row[0]: vector for row, vector in zip(rows, found, strict=True)}


def has_more_items(session: Session, permit: Permit, limit: int) -> bool:
    """Say whether a catalog holds more items than so many."""
    some = select(ITEMS.c.id).where(of_catalog(permit)).limit(limit + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() > limit


def pool(
    session: Session,
    permit: Permit,
    *,
    version_id: int | None,
    legs: Mapping[str, Leg],
    positions: Integers | None = None,
    item_ids: Sequence[int] = (),
    is_seen_kept: bool = False,
) -> Pool:
    """Return what scores are made of, of permitted items: those at these positions and of these
    ids, or all of them where no positions are given."""
    base = _pool(len(legs), is_known=version_id is not None, is_proposed=positions is not None)
    statement = base.where(permit.without_seen if is_seen_kept else permit.predicate)
    facts: dict[str, Any] = {"version_id": version_id}
    for number, leg in enumerate(legs.values()):
        facts |= {
            f"shelf_{number}": leg.space.shelf_id,
            f"space_{number}": leg.space.id,
            f"vector_{number}": leg.vector.astype(np.float32),
        }
    if positions is not None:
        facts |= {"positions": array(positions.tolist()), "item_ids": array(item_ids)}
    ids, places, popularity, n_events, *dots = session.execute(statement, facts).one()
    return Pool(
        np.frombuffer(ids, ">i8").astype(np.int64),
        np.frombuffer(places, ">i4").astype(np.int64),
        np.frombuffer(popularity, ">f8").astype(np.float64),
        np.frombuffer(n_events, ">i4").astype(np.int64),
        {
            name: np.frombuffer(of_leg, ">f8").astype(np.float64)
            for name, of_leg in zip(legs, dots, strict=True)
        },
    )


@cache
def _pool(n_legs: int, *, is_known: bool, is_proposed: bool) -> Select[Any]:
    """Return the statement of a pool, to which what is permitted is added: made once."""
    version_id = bindparam("version_id", type_=BigInteger)
    joined: Any = ITEMS
    if is_proposed:
        asked = _asked(is_known=is_known)
        joined = asked.join(ITEMS, ITEMS.c.id == asked.c.item_id)
    known_by = PRIOR.c.version_id == version_id if is_known else false()
    joined = joined.outerjoin(PRIOR, and_(known_by, PRIOR.c.item_id == ITEMS.c.id))
    dots = []
    for number in range(n_legs):
        of_leg = EMBEDDINGS.alias()
        joined = joined.outerjoin(
            of_leg,
            and_(
                of_leg.c.shelf_id == bindparam(f"shelf_{number}"),
                of_leg.c.space_id == bindparam(f"space_{number}"),
                of_leg.c.owner_id == ITEMS.c.id,
            ),
        )
        vector: BindParameter[Any] = bindparam(f"vector_{number}", type_=QueryVector())
        distance = exact_distance(of_leg.c.vector, vector, Metric.INNER_PRODUCT)
        dots.append(packed(func.float8send(func.coalesce(-distance, NAN, type_=Float))))
    return select(
        packed(func.int8send(ITEMS.c.id)),
        packed(func.int4send(func.coalesce(PRIOR.c.position, -1, type_=Integer))),
        packed(func.float8send(func.coalesce(PRIOR.c.popularity, 0.0, type_=Float))),
        packed(func.int4send(func.coalesce(PRIOR.c.n_events, 0, type_=Integer))),
        *dots,
    ).select_from(joined)


def _asked(*, is_known: bool) -> Any:
    """Return the items of positions and ids, each once."""
    named = select(func.unnest(IDS).label("item_id"))
    if not is_known:
        return named.cte("asked")
    version_id = bindparam("version_id", type_=BigInteger)
    at = any_(cast(bindparam("positions", type_=Text), ARRAY(Integer)))
    known = select(PRIOR.c.item_id).where(PRIOR.c.version_id == version_id, PRIOR.c.position == at)
    return union(known, named).cte("asked")
