"""The SQL that finds documents for somebody: each within a workspace and an access list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, and_, func, or_, select
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.search.filters import Filter
from embedhub.tables import Chunk, Document, DocumentVersion, Pending, Space


@dataclass(frozen=True, slots=True)
class Chosen:
    """The documents of a collection that a deletion means; None does not restrict."""

    workspace_id: int
    collection_id: int
    where: Filter
    external_ids: Sequence[str] | None = None
    sent_before: datetime | None = None


def _visible(
    workspace_id: int, collection_id: int, principals: Sequence[str] | None
) -> list[ColumnElement[bool]]:
    return [
        Document.workspace_id == workspace_id,
        Document.collection_id == collection_id,
        access_predicate(Document.access, principals),
        or_(Document.expires_at.is_(None), Document.expires_at > func.now()),
    ]


def visible_documents(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    principals: Sequence[str] | None,
    external_ids: Sequence[str],
) -> Sequence[Row[tuple[Document, DocumentVersion]]]:
    """Return the documents of these ids that the caller may see, with their newest version."""
    statement = (
        select(Document, DocumentVersion)
        .join(
            DocumentVersion,
            and_(
                DocumentVersion.document_id == Document.id,
                DocumentVersion.version == Document.version,
            ),
        )
        .where(
            *_visible(workspace_id, collection_id, principals),
            Document.external_id.in_(external_ids),
        )
    )
    return session.execute(statement).all()


def page_of_documents(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    principals: Sequence[str] | None,
    where: Filter,
    after: int,
    limit: int,
) -> Sequence[Row[tuple[Document, str]]]:
    """Return documents with ids past `after`, by id, each with its newest title."""
    statement = (
        select(Document, DocumentVersion.title)
        .join(
            DocumentVersion,
            and_(
                DocumentVersion.document_id == Document.id,
                DocumentVersion.version == Document.version,
            ),
        )
        .where(
            *_visible(workspace_id, collection_id, principals),
            where.predicate(Document.attributes),
            Document.id > after,
        )
        .order_by(Document.id)
        .limit(limit)
    )
    return session.execute(statement).all()


def matching_ids(
    session: Session,
    *,
    chosen: Chosen,
    limit: int,
    after: int = 0,
    among: Sequence[int] | None = None,
) -> list[int]:
    """Return up to `limit` ids past `after` of the documents chosen, in id order."""
    statement = select(Document.id).where(*_conditions(chosen), Document.id > after)
    if among is not None:
        statement = statement.where(Document.id.in_(among))
    return list(session.execute(statement.order_by(Document.id).limit(limit)).scalars())


def count_matching(session: Session, *, chosen: Chosen) -> int:
    """Return how many documents are chosen."""
    return session.execute(select(func.count()).where(*_conditions(chosen))).scalar_one()


def _conditions(chosen: Chosen) -> list[ColumnElement[bool]]:
    conditions = [
        Document.workspace_id == chosen.workspace_id,
        Document.collection_id == chosen.collection_id,
        chosen.where.predicate(Document.attributes),
    ]
    if chosen.external_ids is not None:
        conditions.append(Document.external_id.in_(chosen.external_ids))
    if chosen.sent_before is not None:
        conditions.append(Document.updated_at < chosen.sent_before)
    return conditions


def now(session: Session) -> datetime:
    """Return the database's time, by which documents are dated."""
    return session.execute(select(func.now())).scalar_one()


def indexing_states(
    session: Session, *, workspace_id: int, collection_id: int, external_ids: Sequence[str]
) -> list[tuple[str, bool, str | None]]:
    """Return (external id, whether it waits, reason of its first dead chunk) of unindexed ones."""
    statement = (
        select(
            Document.external_id,
            func.bool_or(
                or_(
                    Document.generation != Document.live_generation,
                    and_(Pending.owner_id.is_not(None), Pending.dead_at.is_(None)),
                )
            ),
            func.min(Pending.last_error).filter(Pending.dead_at.is_not(None)),
        )
        .outerjoin(
            Chunk,
            and_(Chunk.document_id == Document.id, Chunk.generation == Document.generation),
        )
        .outerjoin(
            Space,
            and_(
                Space.collection_id == Document.collection_id,
                Space.kind == "dense",
                Space.status == "live",
            ),
        )
        .outerjoin(Pending, and_(Pending.owner_id == Chunk.id, Pending.space_id == Space.id))
        .where(
            Document.workspace_id == workspace_id,
            Document.collection_id == collection_id,
            Document.external_id.in_(external_ids),
        )
        .group_by(Document.id)
        .having(
            or_(
                func.bool_or(Document.generation != Document.live_generation),
                func.count(Pending.owner_id) > 0,
            )
        )
    )
    return [(row[0], bool(row[1]), row[2]) for row in session.execute(statement)]
