"""The SQL of scoring: what is stored of a history's items, and of the items that come in question.

Answers of many rows come as one row of packed columns: thousands of rows of numbers cost more to
take apart than to find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import (
    ARRAY,
    BigInteger,
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
    text,
    union,
)
from sqlalchemy.orm import Session, aliased

from embedhub.recommend.folding import Pool
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.queries.permits import Permit, of_catalog
from embedhub.search.dense import has_index
from embedhub.spaces.distance import Metric, exact_distance, indexed_distance
from embedhub.tables import Embedding, Item, ItemNeighbors, ItemPrior, Space

# pgvector's binary form: two 16-bit numbers, then the elements.
HEADER_BYTES = 4
# pgvector's largest candidate list.
MAX_EF_SEARCH = 1_000
IDS = bindparam("item_ids", type_=ARRAY(BigInteger))
PRIORS = select(
    ItemPrior.item_id, ItemPrior.position, ItemPrior.popularity, ItemPrior.n_events
).where(ItemPrior.version_id == bindparam("version_id"), ItemPrior.item_id == any_(IDS))
NEIGHBORS = select(
    ItemNeighbors.source, ItemNeighbors.item_id, ItemNeighbors.positions, ItemNeighbors.weights
).where(
    ItemNeighbors.version_id == bindparam("version_id"),
    ItemNeighbors.source == any_(bindparam("sources", type_=ARRAY(Text))),
    ItemNeighbors.item_id == any_(IDS),
)
VECTORS = select(Embedding.owner_id, func.vector_send(Embedding.vector)).where(
    Embedding.shelf_id == bindparam("shelf_id"),
    Embedding.space_id == bindparam("space_id"),
    Embedding.owner_id == any_(IDS),
)
SCAN = text("""
    SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
           set_config('hnsw.ef_search', :ef_search, true),
           set_config('enable_sort', 'off', true)
""")
SCANNED = text("SET LOCAL enable_sort = on")
EMPTY: ColumnElement[bytes] = literal_column("''::bytea")
NAN: ColumnElement[float] = literal_column("'NaN'::float8")


@dataclass(frozen=True, slots=True)
class Known:
    """An item as a version knows it."""

    position: int
    popularity: float
    n_events: int


@dataclass(frozen=True, slots=True)
class Leg:
    """A vector of the user in a space of items: its inner products with them are asked for."""

    space: Space
    vector: Floats


def spaces(session: Session, ids: Sequence[int]) -> dict[int, Space]:
    """Return the rows of these spaces."""
    return {space.id: space for space in session.scalars(select(Space).where(Space.id.in_(ids)))}


def known_items(session: Session, *, version_id: int, item_ids: Sequence[int]) -> dict[int, Known]:
    """Return of these items those that a version knows."""
    rows = session.execute(PRIORS, {"version_id": version_id, "item_ids": list(item_ids)})
    return {item_id: Known(*rest) for item_id, *rest in rows}


def neighbors(
    session: Session, *, version_id: int, sources: Sequence[str], item_ids: Sequence[int]
) -> dict[str, dict[int, tuple[Integers, Floats]]]:
    """Return of each source the positions and weights of the neighbors of these items."""
    found: dict[str, dict[int, tuple[Any, Any]]] = {source: {} for source in sources}
    facts = {"version_id": version_id, "sources": list(sources), "item_ids": list(item_ids)}
    for source, item_id, positions, weights in session.execute(NEIGHBORS, facts):
        found[source][item_id] = np.frombuffer(positions, "<i4"), np.frombuffer(weights, "<f4")
    return found


def vectors(session: Session, space: Space, item_ids: Sequence[int]) -> dict[int, Floats]:
    """Return the vectors of those of these items that have one in a space."""
    facts = {"shelf_id": space.shelf_id, "space_id": space.id, "item_ids": list(item_ids)}
    rows = session.execute(VECTORS, facts).all()
    if not rows:
        return {}
    sent = np.frombuffer(b"".join(row[1] for row in rows), np.uint8).reshape(len(rows), -1)
    found = np.ascontiguousarray(sent[:, HEADER_BYTES:]).view(">f4").astype(np.float64)
    return {row[0]: vector for row, vector in zip(rows, found, strict=True)}


def nearest(session: Session, leg: Leg, *, most: int) -> list[int]:
    """Return items near a vector: by the space's index where it has one, which may miss some."""
    space = leg.space
    place = and_(Embedding.shelf_id == space.shelf_id, Embedding.space_id == space.id)
    statement = select(Embedding.owner_id).where(place).limit(most)
    if not has_index(space.shelf_id, is_indexed=space.is_indexed):
        distance = exact_distance(Embedding.vector, leg.vector.astype(np.float32), space.metric)
        return list(session.scalars(statement.order_by(distance)))
    distance = indexed_distance(
        Embedding.vector,
        leg.vector.astype(np.float32),
        space.metric,
        space.precision,
        space.dimension,
    )
    session.execute(SCAN, {"ef_search": str(min(most, MAX_EF_SEARCH))})
    found = list(session.scalars(statement.order_by(distance)))
    session.execute(SCANNED)
    return found


def has_more_items(session: Session, permit: Permit, limit: int) -> bool:
    """Say whether a catalog holds more items than so many."""
    some = select(Item.id).where(of_catalog(permit)).limit(limit + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() > limit


def most_popular(session: Session, *, version_id: int, most: int) -> list[int]:
    """Return the items that a version holds most popular."""
    statement = (
        select(ItemPrior.item_id)
        .where(ItemPrior.version_id == version_id)
        .order_by(ItemPrior.popularity.desc(), ItemPrior.item_id)
        .limit(most)
    )
    return list(session.scalars(statement))


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
    names = list(legs)
    statement = _pool(permit, version_id, legs, positions, item_ids, is_seen_kept=is_seen_kept)
    ids, places, popularity, n_events, *dots = session.execute(statement).one()
    return Pool(
        np.frombuffer(ids, ">i8").astype(np.int64),
        np.frombuffer(places, ">i4").astype(np.int64),
        np.frombuffer(popularity, ">f8").astype(np.float64),
        np.frombuffer(n_events, ">i4").astype(np.int64),
        {
            name: np.frombuffer(of_leg, ">f8").astype(np.float64)
            for name, of_leg in zip(names, dots, strict=True)
        },
    )


def _pool(
    permit: Permit,
    version_id: int | None,
    legs: Mapping[str, Leg],
    positions: Integers | None,
    item_ids: Sequence[int],
    *,
    is_seen_kept: bool,
) -> Select[Any]:
    joined: Any = Item.__table__
    known_by = false() if version_id is None else ItemPrior.version_id == version_id
    if positions is not None:
        asked = _asked(version_id, positions, item_ids)
        joined = asked.join(Item, Item.id == asked.c.item_id)
    joined = joined.outerjoin(ItemPrior, and_(known_by, ItemPrior.item_id == Item.id))
    dots = []
    for leg in legs.values():
        of_leg = aliased(Embedding)
        joined = joined.outerjoin(
            of_leg,
            and_(
                of_leg.shelf_id == leg.space.shelf_id,
                of_leg.space_id == leg.space.id,
                of_leg.owner_id == Item.id,
            ),
        )
        distance = exact_distance(
            of_leg.vector, leg.vector.astype(np.float32), Metric.INNER_PRODUCT
        )
        dots.append(_packed(func.float8send(func.coalesce(-distance, NAN, type_=Float))))
    return (
        select(
            _packed(func.int8send(Item.id)),
            _packed(func.int4send(func.coalesce(ItemPrior.position, -1, type_=Integer))),
            _packed(func.float8send(func.coalesce(ItemPrior.popularity, 0.0, type_=Float))),
            _packed(func.int4send(func.coalesce(ItemPrior.n_events, 0, type_=Integer))),
            *dots,
        )
        .select_from(joined)
        .where(permit.without_seen if is_seen_kept else permit.predicate)
    )


def _asked(version_id: int | None, positions: Integers, item_ids: Sequence[int]) -> Any:
    """Return the items of positions and ids, each once."""
    at = any_(cast(positions.tolist(), ARRAY(Integer)))
    named = select(func.unnest(cast(list(item_ids), ARRAY(BigInteger))).label("item_id"))
    if version_id is None:
        return named.cte("asked")
    known = select(ItemPrior.item_id).where(
        ItemPrior.version_id == version_id, ItemPrior.position == at
    )
    return union(known, named).cte("asked")


def _packed(column: Any) -> Any:
    return func.coalesce(func.string_agg(column, EMPTY, type_=LargeBinary), EMPTY)
