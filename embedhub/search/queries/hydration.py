"""The SQL that turns chunk ids into what a caller is shown, and words into lexemes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.tables import Chunk, Document, DocumentVersion


@dataclass(frozen=True, slots=True)
class ShownChunk:
    """A live chunk with its document, as far as a hit shows them."""

    chunk_id: int
    document_id: int
    text: str
    start: int
    end: int
    position: int
    external_id: str
    url: str | None
    metadata: dict[str, Any]
    title: str


def shown_chunks(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    chunk_ids: Sequence[int],
    principals: Sequence[str] | None,
) -> dict[int, ShownChunk]:
    """Return those of the chunks that are live in this collection and visible, by id.

    The legs restrict by the same access already; here it is asked of the document itself.
    """
    statement = (
        select(
            Chunk.id,
            Chunk.document_id,
            Chunk.text,
            Chunk.start_offset,
            Chunk.end_offset,
            Chunk.position,
            Document.external_id,
            Document.url,
            Document.metadata_,
            DocumentVersion.title,
        )
        .join(
            Document,
            and_(Document.id == Chunk.document_id, Document.live_generation == Chunk.generation),
        )
        .join(
            DocumentVersion,
            and_(
                DocumentVersion.document_id == Document.id,
                DocumentVersion.version == Chunk.version,
            ),
        )
        .where(
            Chunk.id.in_(chunk_ids),
            Document.workspace_id == workspace_id,
            Document.collection_id == collection_id,
            or_(Document.expires_at.is_(None), Document.expires_at > func.now()),
            access_predicate(Document.access, principals),
        )
    )
    return {row[0]: ShownChunk(*row) for row in session.execute(statement)}


def expired_documents(session: Session, *, collection_id: int) -> list[int]:
    """Return documents whose time has passed although nobody has removed them yet."""
    statement = select(Document.id).where(
        Document.collection_id == collection_id, Document.expires_at <= func.now()
    )
    return list(session.execute(statement).scalars())


def words_with_lexemes(
    session: Session, *, configuration: str, words: Sequence[str], lexemes: Sequence[str]
) -> dict[str, list[str]]:
    """Return those words that the analysis reduces to one of the lexemes, with all of theirs."""
    statement = text("""
        SELECT word, own FROM (
          SELECT word, tsvector_to_array(to_tsvector(CAST(:configuration AS regconfig), word))
            AS own
          FROM unnest(CAST(:words AS text[])) AS word) AS analysed
        WHERE own && CAST(:lexemes AS text[])
    """)
    facts = {"configuration": configuration, "words": list(words), "lexemes": list(lexemes)}
    return {word: list(own) for word, own in session.execute(statement, facts)}


def has_pending(session: Session, *, space_id: int) -> bool:
    """Say whether a row of the space still waits for its vector; dead ones are not waited for."""
    statement = text(
        "SELECT EXISTS (SELECT FROM pending WHERE space_id = :space_id AND dead_at IS NULL)"
    )
    return bool(session.execute(statement, {"space_id": space_id}).scalar_one())
