"""The SQL of the search log."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from embedhub.tables import ApiKey, SearchLogEntry, Workspace


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One answered search."""

    request_id: uuid.UUID
    workspace_id: int
    collection_ids: tuple[int, ...]
    api_key_id: int | None
    query: str | None
    mode: str
    plan: str
    is_complete: bool
    n_hits: int
    took_ms: float
    created_at: datetime


def insert_entries(session: Session, entries: Sequence[LogEntry]) -> None:
    """Store entries; those of a workspace that was deleted meanwhile have no reader and go."""
    workspaces = _existing(session, Workspace.id, {entry.workspace_id for entry in entries})
    keys = _existing(session, ApiKey.id, {entry.api_key_id for entry in entries})
    rows = [
        {
            "request_id": entry.request_id,
            "workspace_id": entry.workspace_id,
            "collection_ids": list(entry.collection_ids),
            "api_key_id": entry.api_key_id if entry.api_key_id in keys else None,
            "query": entry.query,
            "mode": entry.mode,
            "plan": entry.plan,
            "is_complete": entry.is_complete,
            "n_hits": entry.n_hits,
            "took_ms": entry.took_ms,
            "created_at": entry.created_at,
        }
        for entry in entries
        if entry.workspace_id in workspaces
    ]
    if rows:
        session.execute(insert(SearchLogEntry), rows)


def _existing(
    session: Session, column: InstrumentedAttribute[int], ids: set[int | None]
) -> set[int]:
    known = ids - {None}
    return (
        set(session.execute(select(column).where(column.in_(known))).scalars()) if known else set()
    )


def delete_entries(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete up to `limit` entries older than this; return how many."""
    old = (
        select(SearchLogEntry.request_id)
        .where(SearchLogEntry.created_at < func.now() - older_than)
        .limit(limit)
    )
    result = session.execute(delete(SearchLogEntry).where(SearchLogEntry.request_id.in_(old)))
    return result.rowcount if isinstance(result, CursorResult) else 0
