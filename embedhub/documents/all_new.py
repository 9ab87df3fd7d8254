"""A batch of documents none of which is stored yet: most of every first import."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from embedhub.bulk_copy import foreign_keys_planned_once
from embedhub.documents.preparation import CollectionFacts, Prepared, hash_of
from embedhub.documents.queries import bulk
from embedhub.documents.queries.bulk import NewChunk
from embedhub.spaces import generations
from embedhub.spaces.generations import LiveChunk
from embedhub.tables import Space

IDS_ARE_UNIQUE = "uq_documents_collection_id_external_id"


def store_all_new(
    session: Session,
    facts: CollectionFacts,
    spaces: Sequence[Space],
    batch: Sequence[Prepared],
    priority: int,
) -> bool:
    """Store chunked documents by COPY; say whether any chunk waits for its vector.

    The caller holds collection and spaces. Raises IntegrityError, of which `is_stored_meanwhile`
    is true, if somebody stored one of them first.
    """
    document_ids = bulk.reserve_ids(session, "documents", len(batch))
    chunks = new_chunks(session, facts, batch, document_ids)
    place = {"workspace_id": facts.workspace_id, "collection_id": facts.id}
    with foreign_keys_planned_once(session):
        bulk.copy_documents(session, **place, batch=batch, document_ids=document_ids)
        bulk.copy_versions(
            session, workspace_id=facts.workspace_id, batch=batch, document_ids=document_ids
        )
        if chunks:
            bulk.copy_chunks(session, **place, chunks=chunks)
    if not chunks:
        return False
    by_id = dict(zip(document_ids, batch, strict=True))
    return generations.answer_with(
        session,
        spaces,
        [live_chunk(chunk, by_id[chunk.document_id], facts) for chunk in chunks],
        priority=priority,
        vectors={
            document_id: prepared.vector
            for document_id, prepared in by_id.items()
            if prepared.vector is not None
        },
    )


def is_stored_meanwhile(error: IntegrityError) -> bool:
    """Say whether a COPY failed because one of its documents had just been stored by others."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None) == IDS_ARE_UNIQUE


def new_chunks(
    session: Session,
    facts: CollectionFacts,
    batch: Sequence[Prepared],
    document_ids: Sequence[int],
) -> list[NewChunk]:
    """Return the passages of all documents with ids of their own, in order."""
    passages = [
        (document_id, prepared, passage)
        for document_id, prepared in zip(document_ids, batch, strict=True)
        for passage in prepared.passages or ()
    ]
    if not passages:
        return []
    chunk_ids = bulk.reserve_ids(session, "chunks", len(passages))
    return [
        NewChunk(chunk_id, document_id, passage, hash_of(prepared, facts, passage))
        for chunk_id, (document_id, prepared, passage) in zip(chunk_ids, passages, strict=True)
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
