"""The SQL of work that nobody waits for, over all workspaces."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from embedhub.tables import Document


def expired_documents(
    session: Session, *, limit: int, since: datetime | None = None
) -> list[tuple[int, datetime]]:
    """Return documents past their time with it, whoever owns them, oldest first: for the clock.

    `since` spares the index from passing by what was deleted just before.
    """
    statement = select(Document.id, Document.expires_at).where(Document.expires_at <= func.now())
    if since is not None:
        statement = statement.where(Document.expires_at >= since)
    # By the time alone: its index hands out the first ones without sorting all of them.
    rows = session.execute(statement.order_by(Document.expires_at).limit(limit))
    return [(row[0], row[1]) for row in rows]


def still_expired(session: Session, document_ids: Sequence[int]) -> list[int]:
    """Return those of the documents that are past their time now."""
    statement = select(Document.id).where(
        Document.id.in_(document_ids), Document.expires_at <= func.now()
    )
    return list(session.execute(statement.order_by(Document.id)).scalars())


def delete_old_versions(session: Session, *, days: int, limit: int) -> int:
    """Delete versions that were superseded long ago and no longer answer; return how many."""
    statement = text("""
        DELETE FROM document_versions WHERE (document_id, version) IN (
          SELECT v.document_id, v.version FROM document_versions v
          JOIN document_versions next ON next.document_id = v.document_id
           AND next.version = v.version + 1
          JOIN documents d ON d.id = v.document_id
          WHERE next.created_at < now() - make_interval(days => :days)
            AND v.version < least(d.version, d.live_version)
          LIMIT :limit)
    """)
    return session.execute(statement, {"days": days, "limit": limit}).rowcount  # type: ignore[attr-defined, no-any-return]


def document_batch(
    session: Session, *, collection_id: int, after: int, limit: int
) -> Sequence[Document]:
    """Return a collection's documents with ids past `after`, locked in id order."""
    statement = (
        select(Document)
        .where(Document.collection_id == collection_id, Document.id > after)
        .order_by(Document.id)
        .limit(limit)
        .with_for_update(key_share=True)
    )
    return session.execute(statement).scalars().all()
