"""The SQL of the search log."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, func, select, text
from sqlalchemy.orm import Session

from embedhub.tables import SearchLogEntry


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One answered search."""

    request_id: uuid.UUID
    workspace_id: int
    collection_id: int
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
    statement = text("""
        INSERT INTO search_log (request_id, workspace_id, collection_ids, api_key_id, query, mode,
                                plan, is_complete, n_hits, took_ms, created_at)
        SELECT :request_id, w.id, ARRAY[CAST(:collection_id AS bigint)],
               (SELECT k.id FROM api_keys k WHERE k.id = :api_key_id), :query, :mode, :plan,
               :is_complete, :n_hits, :took_ms, :created_at
        FROM workspaces w WHERE w.id = :workspace_id
    """)
    session.execute(statement, [asdict(entry) for entry in entries])


def delete_entries(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete up to `limit` entries older than this; return how many."""
    old = (
        select(SearchLogEntry.request_id)
        .where(SearchLogEntry.created_at < func.now() - older_than)
        .limit(limit)
    )
    result = session.execute(delete(SearchLogEntry).where(SearchLogEntry.request_id.in_(old)))
    return result.rowcount if isinstance(result, CursorResult) else 0
