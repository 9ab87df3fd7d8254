"""The SQL of scoring: what is stored of a history's items, and of the items that come in question.

Answers of many rows come as one row of packed columns: thousands of rows of numbers cost more to
take apart than to find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
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

from embedhub.recommend.folding import Pool
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.queries.arrays import array, ids_of
from embedhub.recommend.queries.direct import Question, ask, written
from embedhub.recommend.queries.permits import Permit, of_catalog
from embedhub.search.dense import has_index
from embedhub.spaces.distance import Metric, QueryVector, exact_distance, indexed_distance
from embedhub.tables import Embedding, Item, ItemPrior, Space

# Tables and not the mapped classes: queries for plain columns run without the ORM's share.
ITEMS, PRIOR, EMBEDDINGS = Item.__table__, ItemPrior.__table__, Embedding.__table__
# pgvector's binary form: two 16-bit numbers, then the elements.
HEADER_BYTES = 4
# pgvector's largest candidate list.
MAX_EF_SEARCH = 1_000
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
SCAN = b"""
    SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
           set_config('hnsw.ef_search', %(ef_search)s, true),
           set_config('enable_sort', 'off', true)
"""
SCANNED = b"SELECT set_config('enable_sort', 'on', true)"
EMPTY: ColumnElement[bytes] = literal_column("''::bytea")
NO_POSITIONS: Integers = np.zeros(0, dtype=np.int64)
NO_WEIGHTS: Floats = np.zeros(0)
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
    positions: Integers
    weights: Floats


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
        nothing = NeighborRows([], NO_POSITIONS, NO_POSITIONS, NO_WEIGHTS)
        found = dict.fromkeys(sources, nothing)
        for source, ids, sizes, positions, weights in rows:
            found[source] = NeighborRows(
                np.frombuffer(ids, ">i8").tolist(),
                np.frombuffer(sizes, ">i4").astype(np.int64) // 4,
                np.frombuffer(positions, "<i4").astype(np.int64),
                np.frombuffer(weights, "<f4").astype(np.float64),
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


def near(leg: Leg, *, most: int) -> list[Question[list[int]]]:
    """Ask for items near a vector: by the space's index where it has one, which may miss some.

    The answers to all of the questions together are the items.
    """
    space = leg.space
    is_indexed = has_index(space.shelf_id, is_indexed=space.is_indexed)
    facts = {
        "shelf_id": space.shelf_id,
        "space_id": space.id,
        "vector": orjson.dumps(
            leg.vector.astype(np.float32), option=orjson.OPT_SERIALIZE_NUMPY
        ).decode(),
        "most": most,
    }
    sql = _near(space.metric, space.precision, space.dimension, is_indexed=is_indexed)
    question = Question(sql, facts, _read_ids)
    if not is_indexed:
        return [question]
    scan = Question(SCAN, {"ef_search": str(min(most, MAX_EF_SEARCH))}, _no_ids)
    return [scan, question, Question(SCANNED, {}, _no_ids)]


@cache
def _near(metric: str, precision: str, dimension: int, *, is_indexed: bool) -> bytes:
    vector: BindParameter[Any] = bindparam("vector", type_=QueryVector())
    if is_indexed:
        distance = indexed_distance(EMBEDDINGS.c.vector, vector, metric, precision, dimension)
    else:
        distance = exact_distance(EMBEDDINGS.c.vector, vector, metric)
    found = (
        select(EMBEDDINGS.c.owner_id)
        .where(
            EMBEDDINGS.c.shelf_id == bindparam("shelf_id"),
            EMBEDDINGS.c.space_id == bindparam("space_id"),
        )
        .order_by(distance)
        .limit(bindparam("most", type_=BigInteger))
    )
    return written(_packed_ids(found))


def nearest(session: Session, leg: Leg, *, most: int) -> list[int]:
    """Return items near a vector, as `near` asks for them."""
    return [item for question in near(leg, most=most) for item in ask(session, question)]


def has_more_items(session: Session, permit: Permit, limit: int) -> bool:
    """Say whether a catalog holds more items than so many."""
    some = select(ITEMS.c.id).where(of_catalog(permit)).limit(limit + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() > limit


def most_popular(*, version_id: int, most: int) -> Question[list[int]]:
    """Ask for the items that a version holds most popular."""
    return Question(_most_popular(), {"version_id": version_id, "most": most}, _read_ids)


@cache
def _most_popular() -> bytes:
    found = (
        select(PRIOR.c.item_id)
        .where(PRIOR.c.version_id == bindparam("version_id"))
        .order_by(PRIOR.c.popularity.desc(), PRIOR.c.item_id)
        .limit(bindparam("most", type_=BigInteger))
    )
    return written(_packed_ids(found))


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
        dots.append(_packed(func.float8send(func.coalesce(-distance, NAN, type_=Float))))
    return select(
        _packed(func.int8send(ITEMS.c.id)),
        _packed(func.int4send(func.coalesce(PRIOR.c.position, -1, type_=Integer))),
        _packed(func.float8send(func.coalesce(PRIOR.c.popularity, 0.0, type_=Float))),
        _packed(func.int4send(func.coalesce(PRIOR.c.n_events, 0, type_=Integer))),
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


def _packed_ids(statement: Select[tuple[int]]) -> Select[tuple[bytes]]:
    """Return a statement of one row: the one column of a statement's rows, in any order."""
    found = statement.subquery()
    return select(_packed(func.int8send(found.c[0])))


def _read_ids(rows: Sequence[Any]) -> list[int]:
    ids: list[int] = np.frombuffer(rows[0][0], ">i8").tolist()
    return ids


def _no_ids(_rows: Sequence[Any]) -> list[int]:
    return []


def _packed(column: Any) -> Any:
    return func.coalesce(func.string_agg(column, EMPTY, type_=LargeBinary), EMPTY)
