"""The SQL of label sets."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.graph.subject import Subject
from embedhub.tables import Catalog, Classifier, Collection, LabelSet


def insert_set(session: Session, **columns: Any) -> LabelSet | None:
    """Insert a label set and return it; None if its owner has one of this name."""
    statement = insert(LabelSet).values(**columns).on_conflict_do_nothing().returning(LabelSet)
    return session.scalars(statement).one_or_none()


def find_set(session: Session, subject: Subject, name: str) -> LabelSet | None:
    """Return a label set of an owner, whatever its level."""
    statement = select(LabelSet).where(_of(subject), LabelSet.name == name)
    return session.scalars(statement).one_or_none()


def find_by_id(session: Session, set_id: int) -> LabelSet | None:
    """Return a label set."""
    return session.get(LabelSet, set_id, populate_existing=True)


def hold_set(session: Session, set_id: int) -> LabelSet | None:
    """Return a label set, held: one at a time gives labels in it and switches its classifiers."""
    statement = select(LabelSet).where(LabelSet.id == set_id).with_for_update(key_share=True)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def list_sets(session: Session, subject: Subject, *, after: int, limit: int) -> Sequence[LabelSet]:
    """Return the label sets of an owner by id, from the one behind `after` on."""
    statement = select(LabelSet).where(_of(subject), LabelSet.id > after)
    return session.scalars(statement.order_by(LabelSet.id).limit(limit)).all()


def count_sets(session: Session, subject: Subject) -> int:
    """Return how many label sets an owner has."""
    return session.scalars(select(func.count()).where(_of(subject))).one()


def update_set(session: Session, set_id: int, **columns: Any) -> None:
    """Change columns of a label set."""
    session.execute(update(LabelSet).where(LabelSet.id == set_id).values(**columns))


def delete_set(session: Session, set_id: int) -> None:
    """Delete a label set with everything that goes with it."""
    session.execute(delete(LabelSet).where(LabelSet.id == set_id))


def predicted_sets(session: Session, subject: Subject) -> Sequence[LabelSet]:
    """Return the label sets of exactly these rows that a classifier predicts."""
    statement = (
        select(LabelSet)
        .join(Classifier, (Classifier.set_id == LabelSet.id) & (Classifier.status == "live"))
        .where(_of(subject), LabelSet.level == subject.level.value)
        .order_by(LabelSet.id)
    )
    return session.scalars(statement).all()


def slug_of(session: Session, subject: Subject) -> str | None:
    """Return how paths name the owner of these rows; None if it is gone."""
    if subject.collection_id is not None:
        statement = select(Collection.slug).where(Collection.id == subject.collection_id)
    else:
        statement = select(Catalog.slug).where(Catalog.id == subject.catalog_id)
    return session.scalars(statement).one_or_none()


def filled_fields(
    session: Session, subject: Subject, *, rows: int, limit: int
) -> Mapping[str, int]:
    """Return fields that the first rows of an owner have, with how many have them."""
    table, owner, column = (
        ("documents", "collection_id", "metadata")
        if subject.collection_id is not None
        else ("items", "catalog_id", "fields || attributes")
    )
    statement = text(f"""
        SELECT key, count(*) AS n FROM (
          SELECT {column} AS fields FROM {table} WHERE {owner} = :owner ORDER BY id LIMIT :rows) d
        CROSS JOIN LATERAL jsonb_object_keys(d.fields) AS key
        GROUP BY key ORDER BY n DESC, key LIMIT :limit
    """)
    facts = {"owner": subject.collection_id or subject.catalog_id, "rows": rows, "limit": limit}
    return {row.key: row.n for row in session.execute(statement, facts)}


def _of(subject: Subject) -> ColumnElement[bool]:
    if subject.collection_id is not None:
        return (LabelSet.workspace_id == subject.workspace_id) & (
            LabelSet.collection_id == subject.collection_id
        )
    return (LabelSet.workspace_id == subject.workspace_id) & (
        LabelSet.catalog_id == subject.catalog_id
    )
