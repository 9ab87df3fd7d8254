"""All SQL about workspaces, API keys and the staff audit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import ApiKey, StaffAction, Workspace


def insert_workspace(session: Session, *, slug: str, name: str) -> Workspace | None:
    """Insert a workspace and return it; None if the slug is taken."""
    statement = (
        insert(Workspace)
        .values(slug=slug, name=name)
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(Workspace)
    )
    return session.scalars(statement).one_or_none()


def find_workspace(session: Session, slug: str) -> Workspace | None:
    """Return the workspace of this slug, if there is one."""
    return session.scalars(select(Workspace).where(Workspace.slug == slug)).one_or_none()


def find_workspace_by_id(session: Session, workspace_id: int) -> Workspace | None:
    """Return the workspace of this id, if there is one."""
    return session.get(Workspace, workspace_id)


def list_workspaces(session: Session) -> Sequence[Workspace]:
    """Return every workspace, by slug."""
    return session.scalars(select(Workspace).order_by(Workspace.slug)).all()


def insert_key(session: Session, **columns: Any) -> ApiKey:
    """Insert a key and return it."""
    return session.scalars(insert(ApiKey).values(**columns).returning(ApiKey)).one()


def find_usable_key(session: Session, secret_hash: bytes) -> ApiKey | None:
    """Return the key of this hash unless it is revoked or expired."""
    statement = select(ApiKey).where(
        ApiKey.secret_hash == secret_hash,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
    )
    return session.scalars(statement).one_or_none()


def list_keys(
    session: Session, *, workspace_id: int, after: int | None, limit: int | None
) -> Sequence[ApiKey]:
    """Return a workspace's keys, oldest first, revoked ones included."""
    statement = select(ApiKey).where(ApiKey.workspace_id == workspace_id).order_by(ApiKey.id)
    if after is not None:
        statement = statement.where(ApiKey.id > after)
    return session.scalars(statement.limit(limit)).all()


def revoke_key(session: Session, *, workspace_id: int, key_id: int) -> ApiKey | None:
    """Mark a key of this workspace as revoked, once, and return it."""
    statement = (
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.workspace_id == workspace_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
        .returning(ApiKey)
    )
    return session.scalars(statement).one_or_none()


def note_key_use(session: Session, *, key_id: int, at: datetime, every: timedelta) -> None:
    """Set when a key was last used, unless that is already known to within `every`."""
    session.execute(
        update(ApiKey)
        .where(
            and_(
                ApiKey.id == key_id,
                or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < at - every),
            )
        )
        .values(last_used_at=at)
    )


def insert_staff_action(session: Session, **columns: Any) -> int:
    """Insert one line of the staff audit and return its id."""
    statement = insert(StaffAction).values(**columns).returning(StaffAction.id)
    return session.scalars(statement).one()
