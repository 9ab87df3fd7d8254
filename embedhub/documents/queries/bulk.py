"""The SQL of documents that are all new: one COPY a table, with ids reserved beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import (
    copy_rows,
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
from embedhub.documents.preparation import Prepared

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
    statement = text(
        f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, :n)"
    )
    return list(session.execute(statement, {"n": n_ids}).scalars())


def copy_documents(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    batch: Sequence[Prepared],
    document_ids: Sequence[int],
) -> None:
    """Insert new documents, in external_id order; they answer at once with version 1.

    Waits for others who are inserting the same ids, and raises a unique violation if they did.
    """
    place = int8(workspace_id) + int8(collection_id)
    rows = []
    for prepared, document_id in sorted(
        zip(batch, document_ids, strict=True), key=lambda pair: pair[0].document.external_id
    ):
        document = prepared.document
        rows.append(
            (
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
                FIRST * 4,
            )
        )
    copy_rows(session, "documents", DOCUMENT_COLUMNS, rows)


def copy_versions(
    session: Session, *, workspace_id: int, batch: Sequence[Prepared], document_ids: Sequence[int]
) -> None:
    """Keep the text of new documents' first versions."""
    workspace = int8(workspace_id)
    rows = (
        (
            int8(document_id),
            FIRST,
            workspace,
            string(prepared.document.title),
            string(prepared.document.text),
            string(prepared.document.format),
            int4_array(prepared.document.page_starts),
            raw(prepared.content_hash),
        )
        for prepared, document_id in zip(batch, document_ids, strict=True)
    )
    copy_rows(session, "document_versions", VERSION_COLUMNS, rows)


def copy_chunks(
    session: Session, *, workspace_id: int, collection_id: int, chunks: Sequence[NewChunk]
) -> None:
    """Insert the passages of new documents."""
    place = int8(workspace_id) + int8(collection_id)
    rows = (
        (
            int8(chunk.id),
            place,
            int8(chunk.document_id),
            FIRST * 2,
            int4(chunk.passage.position),
            int4(chunk.passage.start),
            int4(chunk.passage.end),
            string(chunk.passage.heading_path),
            string(chunk.passage.text),
            int4(chunk.passage.n_tokens),
            raw(chunk.input_hash),
        )
        for chunk in chunks
    )
    copy_rows(session, "chunks", CHUNK_COLUMNS, rows)
