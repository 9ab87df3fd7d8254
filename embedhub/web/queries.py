"""The SQL of the web edge: the schema's version and the memory of repeated requests."""

from datetime import timedelta

from sqlalchemy import delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import IdempotencyRecord


def schema_version(session: Session) -> str | None:
    """Return the migration the database is at; None if it was never migrated."""
    if session.scalar(text("SELECT to_regclass('public.alembic_version')")) is None:
        return None
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def insert_record(session: Session, *, workspace_id: int, key: str, request_hash: bytes) -> bool:
    """Note that a request with this key is being worked on; False if the key is known already."""
    statement = (
        insert(IdempotencyRecord)
        .values(workspace_id=workspace_id, key=key, request_hash=request_hash)
        .on_conflict_do_nothing(index_elements=["workspace_id", "key"])
        .returning(IdempotencyRecord.key)
    )
    return session.scalars(statement).one_or_none() is not None


def find_record(session: Session, *, workspace_id: int, key: str) -> IdempotencyRecord | None:
    """Return what is known about a key of this workspace."""
    return session.get(IdempotencyRecord, (workspace_id, key))


def take_over_record(
    session: Session, *, workspace_id: int, key: str, request_hash: bytes, older_than: timedelta
) -> bool:
    """Take an unanswered record whose worker must be dead; False if there is none."""
    statement = (
        update(IdempotencyRecord)
        .where(
            IdempotencyRecord.workspace_id == workspace_id,
            IdempotencyRecord.key == key,
            IdempotencyRecord.request_hash == request_hash,
            IdempotencyRecord.status.is_(None),
            IdempotencyRecord.created_at < func.now() - older_than,
        )
        .values(created_at=func.now())
        .returning(IdempotencyRecord.key)
    )
    return session.scalars(statement).one_or_none() is not None


def store_answer(
    session: Session, *, workspace_id: int, key: str, status: int, body: bytes
) -> None:
    """Keep the answer given to a key's request."""
    session.execute(
        update(IdempotencyRecord)
        .where(IdempotencyRecord.workspace_id == workspace_id, IdempotencyRecord.key == key)
        .values(status=status, body=body)
    )


def delete_unanswered(session: Session, *, workspace_id: int, key: str) -> None:
    """Free a key whose request failed."""
    session.execute(
        delete(IdempotencyRecord).where(
            IdempotencyRecord.workspace_id == workspace_id,
            IdempotencyRecord.key == key,
            IdempotencyRecord.status.is_(None),
        )
    )


def delete_old_records(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete up to `limit` records older than this; return how many."""
    old = (
        select(IdempotencyRecord.workspace_id, IdempotencyRecord.key)
        .where(IdempotencyRecord.created_at < func.now() - older_than)
        .order_by(IdempotencyRecord.created_at)
        .limit(limit)
    )
    statement = (
        delete(IdempotencyRecord)
        .where(tuple_(IdempotencyRecord.workspace_id, IdempotencyRecord.key).in_(old))
        .returning(IdempotencyRecord.key)
    )
    return len(session.scalars(statement).all())
