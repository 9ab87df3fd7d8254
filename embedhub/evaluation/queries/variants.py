"""The SQL of variants: settings of searches under a name."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CursorResult, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import Variant


def put_variant(session: Session, **columns: Any) -> Variant:
    """Insert a variant, or replace the one of this name."""
    statement = insert(Variant).values(**columns)
    statement = statement.on_conflict_do_update(
        index_elements=["collection_id", "name"],
        set_={
            "setting": statement.excluded.setting,
            "source": statement.excluded.source,
            "facts": statement.excluded.facts,
            "created_at": func.now(),
        },
    )
    return session.scalars(
        statement.returning(Variant).execution_options(populate_existing=True)
    ).one()


def list_variants(session: Session, *, workspace_id: int, collection_id: int) -> Sequence[Variant]:
    """Return the variants of a collection of this workspace, by name."""
    statement = (
        select(Variant)
        .where(Variant.workspace_id == workspace_id, Variant.collection_id == collection_id)
        .order_by(Variant.name)
    )
    return session.scalars(statement).all()


def find_variant(
    session: Session, *, workspace_id: int, collection_id: int, name: str
) -> Variant | None:
    """Return a collection's variant of this name."""
    statement = select(Variant).where(
        Variant.workspace_id == workspace_id,
        Variant.collection_id == collection_id,
        Variant.name == name,
    )
    return session.scalars(statement).one_or_none()


def count_variants(session: Session, collection_id: int) -> int:
    """Return how many variants a collection has."""
    statement = select(func.count()).where(Variant.collection_id == collection_id)
    return session.scalars(statement).one()


def delete_variant(session: Session, *, workspace_id: int, collection_id: int, name: str) -> bool:
    """Delete a variant; False if there is none of this name."""
    result = session.execute(
        delete(Variant).where(
            Variant.workspace_id == workspace_id,
            Variant.collection_id == collection_id,
            Variant.name == name,
        )
    )
    return isinstance(result, CursorResult) and result.rowcount > 0


def forget_oldest(session: Session, *, collection_id: int, source: str, kept: int) -> None:
    """Delete all but the newest variants of a source in a collection."""
    is_of_it = (Variant.collection_id == collection_id, Variant.source == source)
    newest = select(Variant.id).where(*is_of_it).order_by(Variant.id.desc()).limit(kept)
    session.execute(delete(Variant).where(*is_of_it, Variant.id.not_in(newest)))
