"""The SQL of sets: whose duplicates are looked for."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.graph.subject import Subject
from embedhub.tables import Catalog, Collection, DuplicateSet


def find_set(
    session: Session, subject: Subject, *, other_collection_id: int | None = None
) -> DuplicateSet | None:
    """Return the set of a subject's rows, or of them in another collection."""
    statement = select(DuplicateSet).where(
        DuplicateSet.workspace_id == subject.workspace_id,
        DuplicateSet.collection_id.is_not_distinct_from(subject.collection_id),
        DuplicateSet.catalog_id.is_not_distinct_from(subject.catalog_id),
        DuplicateSet.other_collection_id.is_not_distinct_from(other_collection_id),
        DuplicateSet.level == subject.level.value,
    )
    return session.scalars(statement).one_or_none()


def make_set(
    session: Session, subject: Subject, *, other_collection_id: int | None = None
) -> DuplicateSet:
    """Return that set, made now if there was none; it is held until the transaction ends."""
    session.execute(
        insert(DuplicateSet)
        .values(
            workspace_id=subject.workspace_id,
            collection_id=subject.collection_id,
            catalog_id=subject.catalog_id,
            other_collection_id=other_collection_id,
            level=subject.level.value,
        )
        .on_conflict_do_nothing()
    )
    found = find_set(session, subject, other_collection_id=other_collection_id)
    if found is None:
        raise LookupError("the set was removed at this moment")
    return hold_set(session, found.id) or found


def hold_set(session: Session, set_id: int) -> DuplicateSet | None:
    """Return a set, held: one at a time changes its clusters and decisions."""
    statement = (
        select(DuplicateSet)
        .where(DuplicateSet.id == set_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def get_set(session: Session, set_id: int) -> DuplicateSet | None:
    """Return a set."""
    return session.get(DuplicateSet, set_id)


def update_set(session: Session, set_id: int, columns: Mapping[str, Any]) -> None:
    """Change columns of a set."""
    session.execute(update(DuplicateSet).where(DuplicateSet.id == set_id).values(**columns))


def note_scan(
    session: Session, set_id: int, *, n_rows: int, semantic: float | None, run_id: int
) -> None:
    """Write that all rows of a set were compared; run 0 is none."""
    update_set(
        session,
        set_id,
        {
            "n_rows": n_rows,
            "semantic_threshold": semantic,
            "run_id": run_id or None,
            "scanned_at": func.now(),
        },
    )


def slug_of(session: Session, subject: Subject) -> str | None:
    """Return the slug of the collection or catalog whose rows these are."""
    if subject.collection_id is not None:
        statement = select(Collection.slug).where(Collection.id == subject.collection_id)
    else:
        statement = select(Catalog.slug).where(Catalog.id == subject.catalog_id)
    return session.scalars(statement).one_or_none()


def set_ids_of(
    session: Session, *, collection_id: int | None = None, catalog_id: int | None = None
) -> list[int]:
    """Return the sets that go with a collection or catalog."""
    if catalog_id is not None:
        statement = select(DuplicateSet.id).where(DuplicateSet.catalog_id == catalog_id)
    else:
        statement = select(DuplicateSet.id).where(
            (DuplicateSet.collection_id == collection_id)
            | (DuplicateSet.other_collection_id == collection_id)
        )
    return list(session.scalars(statement))


def list_sets(session: Session, *, after: int, limit: int) -> list[DuplicateSet]:
    """Return sets of any workspace that were scanned, by id: for upkeep."""
    statement = (
        select(DuplicateSet)
        .where(DuplicateSet.id > after, DuplicateSet.scanned_at.is_not(None))
        .order_by(DuplicateSet.id)
        .limit(limit)
    )
    return list(session.scalars(statement))
