"""The SQL of decisions about single documents: pinned to the top of a search, or hidden from it."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import Curation, Document


def has_document(session: Session, *, collection_id: int, external_id: str) -> bool:
    """Say whether the collection holds a document of this id."""
    statement = select(Document.id).where(
        Document.collection_id == collection_id, Document.external_id == external_id
    )
    return session.scalars(statement).one_or_none() is not None


def count_in_force(session: Session, collection_id: int) -> int:
    """Return how many decisions hold in a collection."""
    statement = select(func.count()).where(
        Curation.collection_id == collection_id, Curation.removed_at.is_(None)
    )
    return session.scalars(statement).one()


def last_position(session: Session, *, collection_id: int, query: str) -> int:
    """Return the last position that a pin for this query has; 0 without any."""
    statement = select(func.max(Curation.position)).where(
        Curation.collection_id == collection_id,
        Curation.query == query,
        Curation.removed_at.is_(None),
    )
    return session.scalars(statement).one() or 0


def remove_in_force(
    session: Session, *, collection_id: int, query: str, external_id: str, by: str
) -> None:
    """Take back what is decided about a document for a query, if anything is."""
    session.execute(
        update(Curation)
        .where(
            Curation.collection_id == collection_id,
            Curation.query == query,
            Curation.external_id == external_id,
            Curation.removed_at.is_(None),
        )
        .values(removed_at=func.now(), removed_by=by)
    )


def insert_curation(session: Session, **columns: object) -> Curation | None:
    """Insert a decision and return it; None if another one about the same was just made."""
    statement = insert(Curation).values(**columns).on_conflict_do_nothing().returning(Curation)
    return session.scalars(statement).one_or_none()


def find_curation(
    session: Session, *, collection_id: int, curation_id: int, is_held: bool = False
) -> Curation | None:
    """Return a decision of a collection; held until the transaction ends if it is to change."""
    statement = select(Curation).where(
        Curation.collection_id == collection_id, Curation.id == curation_id
    )
    return session.scalars(statement.with_for_update() if is_held else statement).one_or_none()


def set_removed(session: Session, curation: Curation, *, by: str | None) -> Curation:
    """Take a held decision back, or put it in force again with `by` None; return it."""
    statement = (
        update(Curation)
        .where(Curation.id == curation.id)
        .values(removed_by=by, removed_at=None if by is None else func.now())
        .returning(Curation)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def list_curations(
    session: Session, *, collection_id: int, is_removed: bool, after: int, limit: int
) -> Sequence[Curation]:
    """Return decisions by id, from the one behind `after` on: those in force, or taken back."""
    state = Curation.removed_at.is_not(None) if is_removed else Curation.removed_at.is_(None)
    statement = (
        select(Curation)
        .where(Curation.collection_id == collection_id, Curation.id > after, state)
        .order_by(Curation.id)
        .limit(limit)
    )
    return session.scalars(statement).all()


def forget_removed(session: Session, *, collection_id: int, days: int) -> None:
    """Delete what was taken back longer ago."""
    session.execute(
        delete(Curation).where(
            Curation.collection_id == collection_id,
            Curation.removed_at < func.now() - timedelta(days=days),
        )
    )


def in_force(session: Session, *, collection_id: int, external_id: str) -> Curation | None:
    """Return what holds for a document in every search of a collection."""
    statement = select(Curation).where(
        Curation.collection_id == collection_id,
        Curation.query == "",
        Curation.external_id == external_id,
        Curation.removed_at.is_(None),
    )
    return session.scalars(statement).one_or_none()
