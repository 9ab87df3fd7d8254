"""The SQL of answers: where in stored versions the passages of a search stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.tables import Chunk, Collection, Document, DocumentVersion, Space


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a live chunk stands; `tail` is what follows it in the version's text."""

    chunk_id: int
    document_id: int
    version: int
    start: int
    end: int
    heading: str
    page_starts: list[int] | None
    tail: str


def chunk_places(
    session: Session,
    *,
    workspace_id: int,
    chunk_ids: Sequence[int],
    collection_ids: frozenset[int] | None,
    principals: Sequence[str] | None,
    n_tail: int,
) -> dict[int, ChunkPlace]:
    """Return where those of the chunks stand that are live and visible to the caller, by id."""
    statement = (
        select(
            Chunk.id,
            Chunk.document_id,
            Chunk.version,
            Chunk.start_offset,
            Chunk.end_offset,
            Chunk.heading_path,
            DocumentVersion.page_starts,
            func.substr(DocumentVersion.text, Chunk.end_offset + 1, n_tail),
        )
        .join(
            Document,
            and_(
                Document.id == Chunk.document_id,
                Document.live_generation == Chunk.generation,
            ),
        )
        .join(
            DocumentVersion,
            and_(
                DocumentVersion.document_id == Chunk.document_id,
                DocumentVersion.version == Chunk.version,
            ),
        )
        .where(
            Chunk.id.in_(chunk_ids),
            Document.workspace_id == workspace_id,
            or_(Document.expires_at.is_(None), Document.expires_at > func.now()),
            access_predicate(Document.access, principals),
        )
    )
    if collection_ids is not None:
        statement = statement.where(Document.collection_id.in_(collection_ids))
    return {row[0]: ChunkPlace(*row) for row in session.execute(statement)}


def live_encoders(session: Session, *, workspace_id: int, slugs: Sequence[str]) -> dict[str, str]:
    """Return the encoder of the live vectors of each of the collections that has some."""
    statement = (
        select(Collection.slug, Space.encoder)
        .join(
            Space,
            and_(
                Space.collection_id == Collection.id,
                Space.workspace_id == Collection.workspace_id,
            ),
        )
        .where(
            Collection.workspace_id == workspace_id,
            Collection.slug.in_(slugs),
            Collection.deleted_at.is_(None),
            Space.subject == "chunk",
            Space.kind == "dense",
            Space.status == "live",
        )
    )
    return {row.slug: row.encoder for row in session.execute(statement)}
