"""The SQL of judged queries and their judgments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Select, any_, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import Document, JudgedQuery, Judgment, SearchLogEntry

# Logged searches that are looked through for queries worth judging.
RECENT_SEARCHES = 10_000


@dataclass(frozen=True, slots=True)
class QueryRow:
    """A judged query with how much of it is judged."""

    id: int
    external_id: str
    query: str
    split: str
    source: str
    n_judgments: int
    n_relevant: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A judged query with its judgments, by the documents' external ids."""

    external_id: str
    query: str
    relevance: dict[str, int]


@dataclass(frozen=True, slots=True)
class JudgmentRow:
    """One judgment, and whether its document is in the collection."""

    external_id: str
    relevance: int
    judged_by: str | None
    judged_at: datetime
    is_present: bool


def upsert_queries(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Insert queries, or change text and split of those there are; return ids by external id.

    Ids follow the order of the rows; two who send the same in other orders may deadlock.
    """
    statement = insert(JudgedQuery)
    statement = statement.on_conflict_do_update(
        index_elements=["collection_id", "external_id"],
        set_={
            "query": statement.excluded.query,
            "split": statement.excluded.split,
            "updated_at": func.now(),
        },
    )
    found = session.execute(
        statement.returning(JudgedQuery.external_id, JudgedQuery.id), list(rows)
    )
    return {row.external_id: row.id for row in found}


def known_ids(session: Session, *, collection_id: int, external_ids: Sequence[str]) -> set[str]:
    """Return which of these external ids a collection has judged queries of."""
    statement = select(JudgedQuery.external_id).where(
        JudgedQuery.collection_id == collection_id, JudgedQuery.external_id.in_(external_ids)
    )
    return set(session.scalars(statement))


def find_by_text(session: Session, *, collection_id: int, query: str) -> JudgedQuery | None:
    """Return a collection's first judged query with exactly this text."""
    statement = select(JudgedQuery).where(
        JudgedQuery.collection_id == collection_id, JudgedQuery.query == query
    )
    return session.scalars(statement.order_by(JudgedQuery.id).limit(1)).one_or_none()


def find_query(
    session: Session, *, workspace_id: int, collection_id: int, query_id: int
) -> QueryRow | None:
    """Return one judged query of a collection of this workspace."""
    statement = _rows(workspace_id, collection_id).where(JudgedQuery.id == query_id)
    row = session.execute(statement).one_or_none()
    return None if row is None else QueryRow(*row)


def list_queries(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    split: str | None,
    after: int,
    limit: int,
) -> list[QueryRow]:
    """Return judged queries of a collection by id, from the one behind `after` on."""
    statement = _rows(workspace_id, collection_id).where(JudgedQuery.id > after)
    if split is not None:
        statement = statement.where(JudgedQuery.split == split)
    rows = session.execute(statement.order_by(JudgedQuery.id).limit(limit))
    return [QueryRow(*row) for row in rows]


def _rows(workspace_id: int, collection_id: int) -> Select[Any]:
    counts = (
        select(
            func.count().label("n_judgments"),
            func.count().filter(Judgment.relevance > 0).label("n_relevant"),
        )
        .where(Judgment.query_id == JudgedQuery.id)
        .lateral("counts")
    )
    return (
        select(
            JudgedQuery.id,
            JudgedQuery.external_id,
            JudgedQuery.query,
            JudgedQuery.split,
            JudgedQuery.source,
            counts.c.n_judgments,
            counts.c.n_relevant,
            JudgedQuery.created_at,
            JudgedQuery.updated_at,
        )
        .join(counts, JudgedQuery.id.is_not(None))
        .where(JudgedQuery.workspace_id == workspace_id, JudgedQuery.collection_id == collection_id)
    )


def count_queries(session: Session, collection_id: int) -> int:
    """Return how many judged queries a collection has."""
    statement = select(func.count()).where(JudgedQuery.collection_id == collection_id)
    return session.scalars(statement).one()


def count_judgments(session: Session, collection_id: int) -> int:
    """Return how many judgments the queries of a collection have."""
    statement = (
        select(func.count())
        .select_from(Judgment)
        .join(JudgedQuery, JudgedQuery.id == Judgment.query_id)
        .where(JudgedQuery.collection_id == collection_id)
    )
    return session.scalars(statement).one()


def count_measurable(session: Session, collection_id: int) -> int:
    """Return how many queries of a collection have a relevant document, so that they count."""
    is_relevant = (
        select(Judgment.query_id)
        .where(Judgment.query_id == JudgedQuery.id, Judgment.relevance > 0)
        .exists()
    )
    statement = select(func.count()).where(JudgedQuery.collection_id == collection_id, is_relevant)
    return session.scalars(statement).one()


def judgments_of(session: Session, *, collection_id: int, query_id: int) -> list[JudgmentRow]:
    """Return the judgments of a query, the most relevant first."""
    is_present = (
        select(Document.id)
        .where(
            Document.collection_id == collection_id,
            Document.external_id == Judgment.external_id,
        )
        .exists()
    )
    statement = (
        select(
            Judgment.external_id,
            Judgment.relevance,
            Judgment.judged_by,
            Judgment.judged_at,
            is_present,
        )
        .where(Judgment.query_id == query_id)
        .order_by(Judgment.relevance.desc(), Judgment.external_id)
    )
    return [JudgmentRow(*row) for row in session.execute(statement)]


def all_judged(session: Session, *, collection_id: int, split: str | None) -> list[JudgedRow]:
    """Return every judged query of a collection with its judgments, by id."""
    statement = (
        select(
            JudgedQuery.external_id,
            JudgedQuery.query,
            func.jsonb_object_agg(Judgment.external_id, Judgment.relevance).filter(
                Judgment.external_id.is_not(None)
            ),
        )
        .outerjoin(Judgment, Judgment.query_id == JudgedQuery.id)
        .where(JudgedQuery.collection_id == collection_id)
        .group_by(JudgedQuery.id)
        .order_by(JudgedQuery.id)
    )
    if split is not None:
        statement = statement.where(JudgedQuery.split == split)
    return [JudgedRow(row[0], row[1], row[2] or {}) for row in session.execute(statement)]


def count_missing(session: Session, *, collection_id: int, split: str | None) -> int:
    """Return how many relevant documents of the judgments the collection does not have."""
    is_present = (
        select(Document.id)
        .where(
            Document.collection_id == collection_id,
            Document.external_id == Judgment.external_id,
        )
        .exists()
    )
    statement = (
        select(func.count(Judgment.external_id.distinct()))
        .join(JudgedQuery, JudgedQuery.id == Judgment.query_id)
        .where(JudgedQuery.collection_id == collection_id, Judgment.relevance > 0, ~is_present)
    )
    if split is not None:
        statement = statement.where(JudgedQuery.split == split)
    return session.scalars(statement).one()


def put_judgments(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert judgments, or change those there are."""
    if not rows:
        return
    statement = insert(Judgment)
    statement = statement.on_conflict_do_update(
        index_elements=["query_id", "external_id"],
        set_={
            "relevance": statement.excluded.relevance,
            "judged_by": statement.excluded.judged_by,
            "judged_at": func.now(),
        },
    )
    in_order = sorted(rows, key=lambda row: (row["query_id"], row["external_id"]))
    session.execute(statement, list(in_order))


def delete_judgments(
    session: Session, query_ids: Sequence[int], external_ids: Sequence[str] | None = None
) -> None:
    """Delete the judgments of queries: those of some documents, or all."""
    statement = delete(Judgment).where(Judgment.query_id.in_(query_ids))
    if external_ids is not None:
        statement = statement.where(Judgment.external_id.in_(external_ids))
    session.execute(statement)


def touch(session: Session, query_id: int) -> None:
    """Note that the judgments of a query changed."""
    session.execute(
        update(JudgedQuery).where(JudgedQuery.id == query_id).values(updated_at=func.now())
    )


def delete_queries(
    session: Session, *, workspace_id: int, collection_id: int, query_ids: Sequence[int] | None
) -> int:
    """Delete judged queries with their judgments: some, or all of the collection; return how many.

    The judgments go with them.
    """
    statement = delete(JudgedQuery).where(
        JudgedQuery.workspace_id == workspace_id, JudgedQuery.collection_id == collection_id
    )
    if query_ids is not None:
        statement = statement.where(JudgedQuery.id.in_(query_ids))
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0


def frequent_queries(session: Session, *, collection_id: int, limit: int) -> list[str]:
    """Return the queries that were asked most lately and that nobody has judged yet."""
    recent = (
        select(SearchLogEntry.query)
        .where(
            literal(collection_id) == any_(SearchLogEntry.collection_ids),
            SearchLogEntry.query.is_not(None),
        )
        .order_by(SearchLogEntry.created_at.desc())
        .limit(RECENT_SEARCHES)
        .subquery()
    )
    is_judged = (
        select(JudgedQuery.id)
        .where(JudgedQuery.collection_id == collection_id, JudgedQuery.query == recent.c.query)
        .exists()
    )
    statement = (
        select(recent.c.query)
        .where(~is_judged)
        .group_by(recent.c.query)
        .order_by(func.count().desc(), recent.c.query)
        .limit(limit)
    )
    return [str(query) for query in session.scalars(statement)]
