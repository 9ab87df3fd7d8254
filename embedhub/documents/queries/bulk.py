"""The SQL of documents that are all new: one COPY a table, with ids reserved beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import (
    copy_ready,
    field_count,
    foreign_keys_planned_once,
    int4,
    int4_array,
    int8,
    jsonb,
    raw,
    string,
    string_array,
    timestamp,
)
from embedhub.documents.chunking import Passage
from embedhub.documents.preparation import CollectionFacts, Prepared

SERIALS = frozenset({"documents", "chunks"})
FIRST = int4(1)
DOCUMENT_COLUMNS = (
    "id", "workspace_id", "collection_id", "external_id", "url", "metadata", "attributes",
    "access", "language", "source_version", "expires_at", "file_id", "content_hash", "version",
    "live_version", "generation", "live_generation",
)  # fmt: skip
VERSION_COLUMNS = (
    "document_id", "version", "workspace_id", "title", "text", "format", "page_starts",
    "content_hash",
)  # fmt: skip
CHUNK_COLUMNS = (
    "id", "workspace_id", "collection_id", "document_id", "version", "generation", "position",
    "start_offset", "end_offset", "heading_path", "text", "n_tokens", "input_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A passage of a new document, with the ids reserved for both."""

    id: int
    document_id: int
    passage: Passage
    input_hash: bytes | None


def reserve_ids(session: Session, table: str, n_ids: int) -> list[int]:
    """Return ids of a table that nobody else will ever be given."""
    if table not in SERIALS:
        raise ValueError(table)
    # Its sequence is looked up once: for each id anew it took longer than the numbers themselves.
    statement = text(f"""
        WITH ids AS MATERIALIZED (
          SELECT CAST(pg_get_serial_sequence('{table}', 'id') AS regclass) AS own)
        SELECT nextval(ids.own) FROM ids CROSS JOIN generate_series(1, :n)
    """)
    return list(session.execute(statement, {"n": n_ids}).scalars())


def document_rows(
    facts: CollectionFacts, batch: Sequence[Prepared], document_ids: Sequence[int]
) -> list[bytes]:
    """Return the rows of new documents, in external_id order; they answer with version 1."""
    count, place = field_count(DOCUMENT_COLUMNS), int8(facts.workspace_id) + int8(facts.id)
    answering = FIRST * 4
    rows = []
    for prepared, document_id in sorted(
        zip(batch, document_ids, strict=True), key=lambda pair: pair[0].document.external_id
    ):
        document = prepared.document
        fields = (
            count,
            int8(document_id),
            place,
            string(document.external_id),
            string(document.url),
            jsonb(document.metadata),
            jsonb(prepared.attributes),
            string_array(document.access),
            string(document.language),
            int8(document.source_version),
            timestamp(document.expires_at),
            int8(document.file_id),
            raw(prepared.whole_hash),
            answering,
        )
        rows.append(b"".join(fields))
    return rows


def version_rows(
    facts: CollectionFacts, batch: Sequence[Prepared], document_ids: Sequence[int]
) -> list[bytes]:
    """Return the rows that keep the text of new documents' first versions."""
    count, place = field_count(VERSION_COLUMNS), FIRST + int8(facts.workspace_id)
    rows = []
    for prepared, document_id in zip(batch, document_ids, strict=True):
        document = prepared.document
        fields = (
            count,
            int8(document_id),
            place,
            string(document.title),
            string(document.text),
            string(document.format),
            int4_array(document.page_starts),
            raw(prepared.content_hash),
        )
        rows.append(b"".join(fields))
    return rows


def chunk_rows(facts: CollectionFacts, chunks: Sequence[NewChunk]) -> list[bytes]:
    """Return the rows of new documents' passages."""
    count, place = field_count(CHUNK_COLUMNS), int8(facts.workspace_id) + int8(facts.id)
    first = FIRST * 2
    rows = []
    for chunk in chunks:
        passage = chunk.passage
        fields = (
            count,
            int8(chunk.id),
            place,
            int8(chunk.document_id),
            first,
            int4(passage.position),
            int4(passage.start),
            int4(passage.end),
            string(passage.heading_path),
            string(passage.text),
            int4(passage.n_tokens),
            raw(chunk.input_hash),
        )
        rows.append(b"".join(fields))
    return rows


def copy_documents(
    session: Session,
    *,
    documents: Sequence[bytes],
    versions: Sequence[bytes],
    chunks: Sequence[bytes],
) -> None:
    """Insert the rows of new documents with their versions and passages.

    Waits for others who are inserting the same ids, and raises a unique violation if they did.
    """
    with foreign_keys_planned_once(session):
        copy_ready(session, "documents", DOCUMENT_COLUMNS, documents)
        copy_ready(session, "document_versions", VERSION_COLUMNS, versions)
        if chunks:
            copy_ready(session, "chunks", CHUNK_COLUMNS, chunks)
