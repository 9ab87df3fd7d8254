"""The SQL of counted filters."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import CursorResult, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import Collection, FilterUse


class Use(NamedTuple):
    """One way of filtering a field of a collection, in one hour."""

    workspace_id: int
    collection_id: int
    field: str
    kind: str
    hour: datetime


class UsedField(NamedTuple):
    """Searches of one hour that filtered a field in one way, and the time of their legs."""

    field: str
    kind: str
    hour: datetime
    n_searches: int
    took_ms: float


def add_uses(session: Session, counts: Mapping[Use, tuple[int, float]], *, max_fields: int) -> int:
    """Add searches and milliseconds to uses of filters; return how many uses were taken.

    What belongs to a collection that is gone or being removed is left out, and so are new names of
    a workspace that has `max_fields` already.
    """
    ids = {use.collection_id for use in counts}
    statement = select(Collection.id).where(Collection.id.in_(ids), Collection.deleted_at.is_(None))
    held = statement.order_by(Collection.id).with_for_update(
        read=True, key_share=True, skip_locked=True
    )
    # Collections first, and their rows held: nobody can remove them before these are there.
    there = set(session.execute(held).scalars())
    wanted = {use: count for use, count in counts.items() if use.collection_id in there}
    names: defaultdict[int, set[str]] = defaultdict(set)
    for use in wanted:
        names[use.workspace_id].add(use.field)
    admitted = {
        workspace_id: _admitted(session, workspace_id, fields, max_fields)
        for workspace_id, fields in names.items()
    }
    # In one order, so that two processes that add to the same rows wait and never deadlock.
    rows = [
        {**use._asdict(), "n_searches": n_searches, "took_ms": took_ms}
        for use, (n_searches, took_ms) in sorted(wanted.items())
        if use.field in admitted[use.workspace_id]
    ]
    if rows:
        added = insert(FilterUse)
        session.execute(
            added.on_conflict_do_update(
                index_elements=["collection_id", "field", "kind", "hour"],
                set_={
                    "n_searches": FilterUse.n_searches + added.excluded.n_searches,
                    "took_ms": FilterUse.took_ms + added.excluded.took_ms,
                },
            ),
            rows,
        )
    return len(rows)


def _admitted(session: Session, workspace_id: int, fields: set[str], max_fields: int) -> set[str]:
    """Return those of the names that are counted already or for which there is room."""
    known = text("""
        SELECT field FROM unnest(CAST(:fields AS text[])) AS asked(field)
        WHERE EXISTS (SELECT FROM filter_usage u
                      WHERE u.workspace_id = :workspace_id AND u.field = asked.field)
    """)
    facts = {"workspace_id": workspace_id, "fields": sorted(fields)}
    admitted = set(session.execute(known, facts).scalars())
    new = sorted(fields - admitted)
    if new:
        # From name to name along the index, however many hours each has.
        count = text("""
            WITH RECURSIVE names AS (
              (SELECT field FROM filter_usage WHERE workspace_id = :workspace_id
               ORDER BY field LIMIT 1)
              UNION ALL
              SELECT (SELECT u.field FROM filter_usage u WHERE u.workspace_id = :workspace_id
                      AND u.field > names.field ORDER BY u.field LIMIT 1)
              FROM names WHERE names.field IS NOT NULL)
            SELECT count(field) FROM (SELECT field FROM names LIMIT :most) AS part
        """)
        most = {"workspace_id": workspace_id, "most": max_fields + 1}
        n_known = session.execute(count, most).scalar_one()
        admitted.update(new[: max(0, max_fields - n_known)])
    return admitted


def used_fields(session: Session, *, collection_id: int, hours: int) -> list[UsedField]:
    """Return the uses of filters of a collection in the last hours, the running one included."""
    statement = (
        select(
            FilterUse.field, FilterUse.kind, FilterUse.hour, FilterUse.n_searches, FilterUse.took_ms
        )
        .where(
            FilterUse.collection_id == collection_id,
            FilterUse.hour > func.now() - timedelta(hours=hours),
        )
        .order_by(FilterUse.field, FilterUse.kind, FilterUse.hour)
    )
    return [UsedField(*row) for row in session.execute(statement)]


def valid_indexes(session: Session, *, shelf_id: int) -> list[str]:
    """Return the names of the valid indexes of a shelf of dense vectors."""
    statement = text("""
        SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indisvalid
          AND i.indrelid = to_regclass('vectors.embeddings_' || CAST(:shelf_id AS text))
    """)
    return list(session.execute(statement, {"shelf_id": shelf_id}).scalars())


def delete_uses(session: Session, *, days: int, limit: int) -> int:
    """Delete up to `limit` rows of hours longer ago than this; return how many."""
    old = select(FilterUse.id).where(FilterUse.hour < func.now() - timedelta(days=days))
    result = session.execute(delete(FilterUse).where(FilterUse.id.in_(old.limit(limit))))
    return result.rowcount if isinstance(result, CursorResult) else 0
