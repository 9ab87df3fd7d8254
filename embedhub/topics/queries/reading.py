"""The SQL of what people read of topics: counts, members, courses over time, exports."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, select
from sqlalchemy.orm import Session

from embedhub.graph.subject import Level, Subject
from embedhub.graph.visibility import visible
from embedhub.tables import Chunk, Document, Item, TopicFit, TopicMember

# How a date is cut to its day, month or year, as text; and what of a field may be one.
FORMATS = {"day": "YYYY-MM-DD", "month": "YYYY-MM", "year": "YYYY"}
PATTERNS = {"day": r"^\d{4}-\d{2}-\d{2}", "month": r"^\d{4}-\d{2}", "year": r"^\d{4}"}


def seen_by(subject: Subject, principals: Sequence[str] | None) -> ColumnElement[bool]:
    """Return the condition that somebody may see the row of a place.

    Who is bound to nothing sees all that are placed: rows that went a moment ago are counted until
    following has removed them.
    """
    if principals is None:
        return literal(value=True)
    return visible(subject, principals, TopicMember.node_id)


def counts(
    session: Session, subject: Subject, fit_id: int, principals: Sequence[str] | None
) -> list[Any]:
    """Return (number, rows, of them placed after the fit, softly joined, not on the map)."""
    statement = (
        select(
            TopicMember.number,
            func.count(),
            func.count().filter(TopicMember.is_placed),
            func.count().filter(TopicMember.is_soft),
            func.count().filter(TopicMember.x.is_(None)),
        )
        .where(TopicMember.fit_id == fit_id, seen_by(subject, principals))
        .group_by(TopicMember.number)
    )
    return list(session.execute(statement))


def member_ids(
    session: Session,
    subject: Subject,
    fit_id: int,
    principals: Sequence[str] | None,
    *,
    number: int | None,
    after: int,
    limit: int,
) -> list[Any]:
    """Return (node_id, p, is_soft, is_placed, x, y) of rows of a topic behind an id, in order."""
    statement = (
        select(
            TopicMember.node_id,
            TopicMember.p,
            TopicMember.is_soft,
            TopicMember.is_placed,
            TopicMember.x,
            TopicMember.y,
        )
        .where(
            TopicMember.fit_id == fit_id,
            TopicMember.number.is_not_distinct_from(number),
            TopicMember.node_id > after,
            visible(subject, principals, TopicMember.node_id),
        )
        .order_by(TopicMember.node_id)
        .limit(limit)
    )
    return list(session.execute(statement))


def examples(
    session: Session,
    subject: Subject,
    fit_id: int,
    principals: Sequence[str] | None,
    *,
    number: int | None,
    limit: int,
) -> list[int]:
    """Return the rows of a topic that belong to it most surely, of those somebody may see."""
    statement = (
        select(TopicMember.node_id)
        .where(
            TopicMember.fit_id == fit_id,
            TopicMember.number.is_not_distinct_from(number),
            visible(subject, principals, TopicMember.node_id),
        )
        .order_by(TopicMember.is_soft, TopicMember.p.desc(), TopicMember.node_id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def trends(
    session: Session,
    subject: Subject,
    fit_id: int,
    principals: Sequence[str] | None,
    *,
    bucket: str,
    field: str | None,
) -> list[Any]:
    """Return (time, number, rows) by time; of a field, of those rows whose value is a date."""
    rows = _dated(subject, bucket, field)
    time = rows.c.time
    statement = (
        select(time, TopicMember.number, func.count())
        .join(rows, rows.c.id == TopicMember.node_id)
        .where(TopicMember.fit_id == fit_id, time.is_not(None), seen_by(subject, principals))
        .group_by(time, TopicMember.number)
        .order_by(time, TopicMember.number)
    )
    return list(session.execute(statement))


def _dated(subject: Subject, bucket: str, field: str | None) -> Any:
    """Return ids of a subject's rows with the day, month or year of each."""
    of: Any = Item if subject.level is Level.ITEM else Document
    if field is None:
        time = func.to_char(of.created_at, FORMATS[bucket])
    else:
        values: Any = Item.fields if subject.level is Level.ITEM else Document.metadata_
        time = func.substring(values[field].astext, PATTERNS[bucket])
    if subject.level is Level.ITEM:
        statement: Select[Any] = select(Item.id.label("id"), time.label("time")).where(
            Item.catalog_id == subject.catalog_id
        )
    elif subject.level is Level.DOCUMENT:
        statement = select(Document.id.label("id"), time.label("time")).where(
            Document.collection_id == subject.collection_id
        )
    else:
        statement = (
            select(Chunk.id.label("id"), time.label("time"))
            .join(
                Document,
                and_(
                    Document.id == Chunk.document_id,
                    Document.live_generation == Chunk.generation,
                ),
            )
            .where(Chunk.collection_id == subject.collection_id)
        )
    return statement.subquery()


def export_page(
    session: Session,
    subject: Subject,
    fit_id: int,
    principals: Sequence[str] | None,
    *,
    after: int,
    limit: int,
) -> list[Any]:
    """Return (node_id, number, p, x, y, is_soft, is_placed) behind an id, in order."""
    statement = (
        select(
            TopicMember.node_id,
            TopicMember.number,
            TopicMember.p,
            TopicMember.x,
            TopicMember.y,
            TopicMember.is_soft,
            TopicMember.is_placed,
        )
        .where(
            TopicMember.fit_id == fit_id,
            TopicMember.node_id > after,
            visible(subject, principals, TopicMember.node_id),
        )
        .order_by(TopicMember.node_id)
        .limit(limit)
    )
    return list(session.execute(statement))


def list_fits(session: Session, subject: Subject, *, limit: int) -> list[TopicFit]:
    """Return fits of these rows that answered, the newest first."""
    statement = (
        select(TopicFit)
        .where(
            TopicFit.workspace_id == subject.workspace_id,
            TopicFit.collection_id.is_not_distinct_from(subject.collection_id),
            TopicFit.catalog_id.is_not_distinct_from(subject.catalog_id),
            TopicFit.level == subject.level.value,
            TopicFit.status != "building",
        )
        .order_by(TopicFit.id.desc())
        .limit(limit)
    )
    return list(session.scalars(statement))
