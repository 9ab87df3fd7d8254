"""A batch of documents none of which is stored yet: most of every first import."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.documents.preparation import CollectionFacts, Prepared, hash_of
from embedhub.documents.queries import bulk
from embedhub.documents.queries.bulk import NewChunk
from embedhub.spaces.generations import LiveChunk
from embedhub.spaces.new_chunks import NewChunks, answer_with_new, make_answering
from embedhub.tables import Space

IDS_ARE_UNIQUE = "uq_documents_collection_id_external_id"


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Documents none of which is stored, with ids of their own, as COPY takes them."""

    documents: list[bytes]
    versions: list[bytes]
    chunks: list[bytes]
    answering: NewChunks | None


def make_new(facts: CollectionFacts, batch: Sequence[Prepared]) -> NewBatch:
    """Return chunked documents made ready, whatever of it can be done before they are stored.

    The ids it takes from the sequences are lost if they never are.
    """
    with db.writing() as session:
        document_ids = bulk.reserve_ids(session, "documents", len(batch))
        n_chunks = sum(len(prepared.passages or ()) for prepared in batch)
        chunk_ids = bulk.reserve_ids(session, "chunks", n_chunks) if n_chunks else []
    chunks = new_chunks(facts, batch, document_ids, chunk_ids)
    by_id = dict(zip(document_ids, batch, strict=True))
    vectors = {
        document_id: prepared.vector
        for document_id, prepared in by_id.items()
        if prepared.vector is not None
    }
    return NewBatch(
        documents=bulk.document_rows(facts, batch, document_ids),
        versions=bulk.version_rows(facts, batch, document_ids),
        chunks=bulk.chunk_rows(facts, chunks),
        answering=make_answering(
            [live_chunk(chunk, by_id[chunk.document_id], facts) for chunk in chunks], vectors
        )
        if chunks
        else None,
    )


def store_all_new(
    session: Session, spaces: Sequence[Space], batch: NewBatch, priority: int
) -> bool:
    """Store new documents by COPY; say whether any chunk waits for its vector.

    The caller holds collection and spaces. Raises IntegrityError, of which `is_stored_meanwhile`
    is true, if somebody stored one of them first.
    """
    bulk.copy_documents(
        session, documents=batch.documents, versions=batch.versions, chunks=batch.chunks
    )
    if batch.answering is None:
        return False
    return answer_with_new(session, spaces, batch.answering, priority=priority)


def is_stored_meanwhile(error: IntegrityError) -> bool:
    """Say whether a COPY failed because one of its documents had just been stored by others."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None) == IDS_ARE_UNIQUE


def new_chunks(
    facts: CollectionFacts,
    batch: Sequence[Prepared],
    document_ids: Sequence[int],
    chunk_ids: Sequence[int],
) -> list[NewChunk]:
    """Return the passages of all documents with ids of their own, in order."""
    ids = iter(chunk_ids)
    return [
        NewChunk(next(ids), document_id, passage, hash_of(prepared, facts, passage))
        for document_id, prepared in zip(document_ids, batch, strict=True)
        for passage in prepared.passages or ()
    ]


def live_chunk(chunk: NewChunk, prepared: Prepared, facts: CollectionFacts) -> LiveChunk:
    """Return the chunk as it begins to answer."""
    document = prepared.document
    return LiveChunk(
        id=chunk.id,
        document_id=chunk.document_id,
        input_hash=chunk.input_hash,
        title=document.title,
        heading_path=chunk.passage.heading_path,
        text=chunk.passage.text,
        language=document.language or facts.language,
        access=None if document.access is None else list(document.access),
        attributes=prepared.attributes,
    )
