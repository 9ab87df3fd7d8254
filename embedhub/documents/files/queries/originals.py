"""All SQL about originals that no row may name, by the clock over all workspaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from embedhub.tables import Collection, File


@dataclass(frozen=True, slots=True)
class Owner:
    """A collection in whose folder originals may lie."""

    workspace_id: int
    collection_id: int
    created_at: datetime


def newest_collection(session: Session) -> int:
    """Return the highest id of a collection, 0 if there is none."""
    return session.execute(select(func.coalesce(func.max(Collection.id), 0))).scalar_one()


def owners(session: Session, first: int, end: int, *, limit: int) -> list[Owner]:
    """Return the collections in use from an id on and before another, by id."""
    statement = (
        select(Collection.workspace_id, Collection.id, Collection.created_at)
        .where(Collection.id >= first, Collection.id < end, Collection.deleted_at.is_(None))
        .order_by(Collection.id)
        .limit(limit)
    )
    return [Owner(*row) for row in session.execute(statement)]


def named(session: Session, paths: Sequence[str]) -> set[str]:
    """Return those of the paths that files name as their original."""
    statement = select(File.storage_path).where(File.storage_path.in_(paths))
    return set(session.scalars(statement))
