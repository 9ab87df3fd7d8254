"""The SQL of live recall: what to check next, what to check it with, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import CursorResult, delete, func, insert, select, tablesample, text
from sqlalchemy.orm import Session

from embedhub.search.queries.dense import DENSE
from embedhub.search.queries.restriction import Restriction, place_of
from embedhub.tables import Collection, RecallSample, SampledQuery, Space
from embedhub.tables.spaces import SHARED_SHELF

# A page holds a few rows, so pages are taken for many more rows than are wanted.
OVERSAMPLING = 20


@dataclass(frozen=True, slots=True)
class Target:
    """A class of filters over an indexed space."""

    space_id: int
    filter_class: str


@dataclass(frozen=True, slots=True)
class AskedVector:
    """What a caller asked once."""

    vector: NDArray[np.float32]
    filter: Mapping[str, Any]
    principals: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RecallFigure:
    """What the latest checks of a class of filters add up to; times of the oldest and newest."""

    filter_class: str
    n_queries: int
    n_asked: int
    n_incomplete: int
    recall: float
    lowest: float
    plans: dict[str, int]
    since: datetime
    measured_at: datetime


def due_targets(session: Session, *, classes: Sequence[str], limit: int) -> list[Target]:
    """Return what was not checked for longest, of all live spaces whose index answers."""
    statement = text("""
        SELECT s.id, asked.class
        FROM spaces s
        JOIN collections c ON c.id = s.collection_id AND c.deleted_at IS NULL
        CROSS JOIN unnest(CAST(:classes AS text[])) WITH ORDINALITY AS asked(class, place)
        LEFT JOIN LATERAL (
          SELECT max(measured_at) AS at FROM recall_samples r
          WHERE r.space_id = s.id AND r.filter_class = asked.class) last ON true
        WHERE s.kind = 'dense' AND s.subject = 'chunk' AND s.status = 'live'
          AND s.is_indexed AND s.shelf_id <> 0
        ORDER BY last.at NULLS FIRST, asked.place, random() LIMIT :limit
    """)
    facts = {"classes": list(classes), "limit": limit}
    return [Target(*row) for row in session.execute(statement, facts)]


def indexed_space(session: Session, space_id: int) -> tuple[Space, Collection] | None:
    """Return a space and its collection if its index answers searches now."""
    statement = (
        select(Space, Collection)
        .join(Collection, Collection.id == Space.collection_id)
        .where(
            Space.id == space_id,
            Space.status == "live",
            Space.is_indexed,
            Space.shelf_id != SHARED_SHELF,
            Collection.deleted_at.is_(None),
        )
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else (row[0], row[1])


def be_modest(session: Session, seconds: float) -> None:
    """Let this transaction's statements take so long at most, and one core each."""
    session.execute(
        text("""
            SELECT set_config('statement_timeout', :milliseconds, true),
                   set_config('max_parallel_workers_per_gather', '0', true)
        """),
        {"milliseconds": str(max(1, int(seconds * 1000)))},
    )


def sample_vectors(
    session: Session, *, space: Space, n_rows: int, limit: int
) -> list[tuple[int, NDArray[np.float32]]]:
    """Return some vectors of a space with their owners, chosen at random."""
    sampled = tablesample(DENSE, func.system(_percent(limit, n_rows)), name="sampled")
    statement = (
        select(sampled.c.owner_id, sampled.c.vector)
        .where(*place_of(sampled, space))
        .order_by(func.random())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def sample_attributes(
    session: Session, *, space: Space, n_rows: int, limit: int
) -> list[dict[str, Any]]:
    """Return what filters see of some rows of a space."""
    sampled = tablesample(DENSE, func.system(_percent(limit, n_rows)), name="sampled")
    statement = select(sampled.c.attributes).where(*place_of(sampled, space)).limit(limit)
    return list(session.execute(statement).scalars())


def asked_vectors(
    session: Session, *, space_id: int, is_filtered: bool, limit: int
) -> list[AskedVector]:
    """Return some of what callers asked, with a filter or principals or without, at random."""
    is_open = SampledQuery.principals.is_(None) & (SampledQuery.filter == {})
    statement = (
        select(SampledQuery.vector, SampledQuery.filter, SampledQuery.principals)
        .where(SampledQuery.space_id == space_id, ~is_open if is_filtered else is_open)
        .order_by(func.random())
        .limit(limit)
    )
    return [
        AskedVector(vector, asked, None if principals is None else tuple(principals))
        for vector, asked, principals in session.execute(statement)
    ]


def count_kept(session: Session, *, space: Space, restriction: Restriction) -> int:
    """Return how many rows of a space pass."""
    statement = (
        select(func.count())
        .select_from(DENSE)
        .where(*place_of(DENSE, space), restriction.predicate(DENSE))
    )
    return session.execute(statement).scalar_one()


def insert_samples(session: Session, *, space_id: int, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store checks of a space; none if it is gone or being removed. Return how many."""
    statement = select(Space.workspace_id).where(Space.id == space_id)
    held = statement.with_for_update(read=True, key_share=True, skip_locked=True)
    workspace_id = session.execute(held).scalar_one_or_none()
    if workspace_id is None or not rows:
        return 0
    place = {"workspace_id": workspace_id, "space_id": space_id}
    session.execute(insert(RecallSample), [{**row, **place} for row in rows])
    return len(rows)


def figures(
    session: Session, *, space_id: int, classes: Sequence[str], n_queries: int
) -> list[RecallFigure]:
    """Return what the latest checks with about so many searches say, for each class in order."""
    statement = text("""
        WITH latest AS (
          SELECT s.*, sum(n_queries) OVER (PARTITION BY filter_class
                        ORDER BY measured_at DESC, id DESC) - n_queries AS newer
          FROM unnest(CAST(:classes AS text[])) AS asked(class)
          CROSS JOIN LATERAL (
            SELECT * FROM recall_samples r
            WHERE r.space_id = :space_id AND r.filter_class = asked.class
            ORDER BY measured_at DESC LIMIT :n_queries) s)
        SELECT filter_class, sum(n_queries) AS n_queries, sum(n_asked) AS n_asked,
               sum(n_incomplete) AS n_incomplete,
               sum(recall * n_queries) / sum(n_queries) AS recall, min(lowest) AS lowest,
               min(measured_at) AS since, max(measured_at) AS measured_at,
               jsonb_agg(plans) AS plans
        FROM latest WHERE newer < :n_queries AND n_queries > 0
        GROUP BY filter_class
        ORDER BY array_position(CAST(:classes AS text[]), filter_class)
    """)
    facts = {"space_id": space_id, "classes": list(classes), "n_queries": n_queries}
    rows = session.execute(statement, facts).mappings()
    return [RecallFigure(**{**row, "plans": _summed(row["plans"])}) for row in rows]


def insert_asked(session: Session, *, rows: Mapping[int, Mapping[str, Any]], keep: int) -> int:
    """Store what was asked of collections with an index, the newest `keep` of each.

    `rows` are by collection. Returns how many were stored.
    """
    statement = (
        select(Space.collection_id, Space.id, Space.workspace_id, Space.dimension)
        .where(
            Space.collection_id.in_(rows),
            Space.kind == "dense",
            Space.subject == "chunk",
            Space.status == "live",
            Space.is_indexed,
            Space.shelf_id != SHARED_SHELF,
        )
        .order_by(Space.id)
        # Whoever moves or removes a space holds it long: its next searches will be sampled, too.
        .with_for_update(read=True, key_share=True, skip_locked=True)
    )
    found = [
        {**rows[collection_id], "space_id": space_id, "workspace_id": workspace_id}
        for collection_id, space_id, workspace_id, dimension in session.execute(statement)
        if len(rows[collection_id]["vector"]) == dimension
    ]
    if not found:
        return 0
    session.execute(insert(SampledQuery), found)
    trim = text("""
        DELETE FROM sampled_queries WHERE id IN (
          SELECT old.id FROM unnest(CAST(:ids AS bigint[])) AS space(id)
          CROSS JOIN LATERAL (
            SELECT q.id FROM sampled_queries q WHERE q.space_id = space.id
            ORDER BY q.asked_at DESC, q.id DESC OFFSET :keep) old)
    """)
    session.execute(trim, {"ids": [row["space_id"] for row in found], "keep": keep})
    return len(found)


def delete_samples(session: Session, *, days: int, limit: int) -> int:
    """Delete up to `limit` checks older than this; return how many."""
    return _delete_old(session, RecallSample, RecallSample.measured_at, days, limit)


def delete_asked(session: Session, *, days: int, limit: int) -> int:
    """Delete up to `limit` vectors that were asked longer ago than this; return how many."""
    return _delete_old(session, SampledQuery, SampledQuery.asked_at, days, limit)


def _delete_old(session: Session, table: Any, moment: Any, days: int, limit: int) -> int:
    old = select(table.id).where(moment < func.now() - timedelta(days=days)).limit(limit)
    result = session.execute(delete(table).where(table.id.in_(old)))
    return result.rowcount if isinstance(result, CursorResult) else 0


def _percent(wanted: int, n_rows: int) -> float:
    return min(100.0, 100 * OVERSAMPLING * wanted / max(1, n_rows))


def _summed(plans: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in plans:
        for plan, count in each.items():
            total[plan] = total.get(plan, 0) + count
    return total
