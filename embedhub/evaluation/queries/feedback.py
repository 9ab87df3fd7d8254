"""The SQL of feedback: which search it is about, and what all of it says together."""

import uuid
from collections.abc import Collection as Some
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.tables import Collection, Document, Feedback, SearchLogEntry


@dataclass(frozen=True, slots=True)
class LoggedSearch:
    """A search that feedback may be about."""

    collection_ids: list[int]
    query: str | None


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    """How often a document was said to be useful for a query; each search counts once a kind."""

    query: str
    external_id: str
    n_clicks: int
    n_likes: int
    n_dislikes: int


def find_search(
    session: Session, *, workspace_id: int, request_id: uuid.UUID
) -> LoggedSearch | None:
    """Return a logged search of this workspace."""
    statement = select(SearchLogEntry.collection_ids, SearchLogEntry.query).where(
        SearchLogEntry.request_id == request_id, SearchLogEntry.workspace_id == workspace_id
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else LoggedSearch(list(row.collection_ids), row.query)


def find_document(
    session: Session,
    *,
    workspace_id: int,
    collection_ids: Sequence[int],
    allowed_ids: Some[int] | None,
    external_id: str,
    principals: Sequence[str] | None,
) -> int | None:
    """Return the first of these collections with a document of this id that may be seen.

    None for `allowed_ids` and for `principals` means no bounds.
    """
    statement = (
        select(Document.collection_id)
        .join(Collection, Collection.id == Document.collection_id)
        .where(
            Document.workspace_id == workspace_id,
            Document.collection_id.in_(collection_ids),
            Document.external_id == external_id,
            Collection.deleted_at.is_(None),
            or_(Document.expires_at.is_(None), Document.expires_at > func.now()),
        )
        .order_by(Document.collection_id)
        .limit(1)
    )
    if allowed_ids is not None:
        statement = statement.where(Document.collection_id.in_(allowed_ids))
    if principals is not None:
        statement = statement.where(access_predicate(Document.access, principals))
    return session.scalars(statement).one_or_none()


def insert_feedback(session: Session, **columns: Any) -> None:
    """Store what was said; the same said before stays one row."""
    statement = insert(Feedback).values(**columns)
    session.execute(
        statement.on_conflict_do_nothing(index_elements=["request_id", "external_id", "kind"])
    )


def feedback_counts(
    session: Session, *, collection_id: int, since: datetime | None
) -> list[FeedbackCounts]:
    """Return what the feedback on a collection says of each query and document."""
    statement = (
        select(
            Feedback.query,
            Feedback.external_id,
            *(
                func.count(Feedback.request_id.distinct()).filter(Feedback.kind == kind)
                for kind in ("click", "like", "dislike")
            ),
        )
        .where(Feedback.collection_id == collection_id)
        .group_by(Feedback.query, Feedback.external_id)
        .order_by(Feedback.query, Feedback.external_id)
    )
    if since is not None:
        statement = statement.where(Feedback.created_at >= since)
    return [FeedbackCounts(*row) for row in session.execute(statement)]


def delete_old(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete up to `limit` rows older than this; return how many."""
    old = select(Feedback.id).where(Feedback.created_at < func.now() - older_than).limit(limit)
    result = session.execute(delete(Feedback).where(Feedback.id.in_(old)))
    return result.rowcount if isinstance(result, CursorResult) else 0
