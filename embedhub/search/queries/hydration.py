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


@dataclass(frozen=True, slots=True)
class CollectionState:
    """What keeps a collection's index from saying all by itself."""

    # past their time, although nobody has removed them yet
    expired_documents: list[int]
    # rows of the dense space still wait for their vector; dead ones are not waited for
    has_pending: bool


def collection_state(
    session: Session, *, collection_id: int, dense_space_id: int | None
) -> CollectionState:
    """Return which documents must not be shown, and whether vectors are missing."""
    statement = text("""
        SELECT ARRAY(SELECT id FROM documents
                     WHERE collection_id = :collection_id AND expires_at <= now()),
               EXISTS (SELECT FROM pending
                       WHERE space_id = :dense_space_id AND dead_at IS NULL)
    """)
    facts = {"collection_id": collection_id, "dense_space_id": dense_space_id}
    return CollectionState(*session.execute(statement, facts).one())


def lexemes_of_words(
    session: Session, *, configuration: str, words: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the lexemes that the analysis makes of each word alone; none of a stop word."""
    statement = text("""
        SELECT word, tsvector_to_array(to_tsvector(CAST(:configuration AS regconfig), word))
        FROM unnest(CAST(:words AS text[])) AS word
    """)
    facts = {"configuration": configuration, "words": list(words)}
    return {word: tuple(own) for word, own in session.execute(statement, facts)}
