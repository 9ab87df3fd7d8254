"""The SQL of places: stored by a fit, read whole, and brought up to date with the graph."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.bulk_copy import boolean, copy_rows, float4, int4, int8, raw
from embedhub.tables import NeighborList, TopicMember

COLUMNS = ("fit_id", "node_id", "number", "p", "x", "y", "node_hash", "is_soft", "is_placed")
NULL_NUMBER = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row belongs and lies; None for no topic, and for no place on the map."""

    node_id: int
    number: int | None
    p: float
    x: float | None
    y: float | None
    node_hash: bytes
    is_soft: bool = False
    is_placed: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Places of rows by id, ascending: numbers with -1 for none, coordinates with NaN for none."""

    ids: NDArray[np.int64]
    numbers: NDArray[np.int64]
    p: NDArray[np.float32]
    xy: NDArray[np.float32]
    is_soft: NDArray[np.bool_]
    is_placed: NDArray[np.bool_]


def copy_places(session: Session, fit_id: int, places: Iterable[Place]) -> None:
    """Store places of a fit."""
    head = int8(fit_id)
    copy_rows(session, "topic_members", COLUMNS, (_fields(head, one) for one in places))


def _fields(head: bytes, one: Place) -> tuple[bytes, ...]:
    return (
        head,
        int8(one.node_id),
        NULL_NUMBER if one.number is None else int4(one.number),
        float4(one.p),
        float4(one.x),
        float4(one.y),
        raw(one.node_hash),
        boolean(one.is_soft),
        boolean(one.is_placed),
    )


def put_places(session: Session, fit_id: int, places: Sequence[Place]) -> None:
    """Store places of rows that came or changed after the fit."""
    if not places:
        return
    statement = insert(TopicMember).values(
        [{"fit_id": fit_id, **{name: getattr(one, name) for name in COLUMNS[1:]}} for one in places]
    )
    changed = {name: getattr(statement.excluded, name) for name in COLUMNS[2:]}
    session.execute(
        statement.on_conflict_do_update(index_elements=["fit_id", "node_id"], set_=changed)
    )


def hashes_of(session: Session, graph_id: int, *, after: int, limit: int) -> list[Any]:
    """Return (node_id, node_hash) of the next rows of a graph behind an id, in order."""
    statement = (
        select(NeighborList.node_id, NeighborList.node_hash)
        .where(NeighborList.graph_id == graph_id, NeighborList.node_id > after)
        .order_by(NeighborList.node_id)
        .limit(limit)
    )
    return list(session.execute(statement))


def stale_nodes(session: Session, graph_id: int, fit_id: int, *, limit: int) -> list[Any]:
    """Return (node_id, node_hash) of rows without a place, or with one of another vector."""
    statement = (
        select(NeighborList.node_id, NeighborList.node_hash)
        .outerjoin(
            TopicMember,
            (TopicMember.fit_id == fit_id) & (TopicMember.node_id == NeighborList.node_id),
        )
        .where(
            NeighborList.graph_id == graph_id,
            or_(
                TopicMember.node_id.is_(None),
                TopicMember.node_hash != NeighborList.node_hash,
            ),
        )
        .order_by(NeighborList.node_id)
        .limit(limit)
    )
    return list(session.execute(statement))


def delete_gone(session: Session, graph_id: int, fit_id: int, *, limit: int) -> int:
    """Delete places of rows that the graph no longer holds; return how many."""
    is_there = exists().where(
        NeighborList.graph_id == graph_id, NeighborList.node_id == TopicMember.node_id
    )
    gone = select(TopicMember.node_id).where(TopicMember.fit_id == fit_id, ~is_there).limit(limit)
    statement = delete(TopicMember).where(
        TopicMember.fit_id == fit_id, TopicMember.node_id.in_(gone)
    )
    return int(getattr(session.execute(statement), "rowcount", 0))


def places_of(session: Session, fit_id: int, ids: Sequence[int]) -> Places:
    """Return the places of these rows, as far as they have one."""
    statement = _places(fit_id).where(TopicMember.node_id.in_([int(one) for one in ids]))
    return gather([session.execute(statement.order_by(TopicMember.node_id)).all()])


def all_places(session: Session, fit_id: int, condition: Any = True) -> Places:
    """Return the places of all rows of a fit for which a condition holds."""
    statement = _places(fit_id).where(condition).order_by(TopicMember.node_id)
    result = session.execute(statement.execution_options(yield_per=20_000))
    return gather(_parts(result))


def _parts(result: Any) -> Iterator[Sequence[Any]]:
    yield from result.partitions()


def _places(fit_id: int) -> Any:
    return select(
        TopicMember.node_id,
        func.coalesce(TopicMember.number, -1),
        TopicMember.p,
        TopicMember.x,
        TopicMember.y,
        TopicMember.is_soft,
        TopicMember.is_placed,
    ).where(TopicMember.fit_id == fit_id)


def gather(parts: Iterable[Sequence[Any]]) -> Places:
    """Return rows of places as arrays; a coordinate that is null becomes NaN."""
    columns: list[list[Any]] = [[] for _ in range(7)]
    kinds = (np.int64, np.int64, np.float32, np.float32, np.float32, np.bool_, np.bool_)
    for rows in parts:
        for column, values, kind in zip(columns, zip(*rows, strict=True), kinds, strict=False):
            column.append(np.asarray(values, kind))
    ids, numbers, p, x, y, is_soft, is_placed = (
        np.concatenate(column) if column else np.empty(0, kind)
        for column, kind in zip(columns, kinds, strict=True)
    )
    xy = np.stack([x, y], axis=1).astype(np.float32)
    return Places(ids, numbers, p, xy, is_soft, is_placed)
