"""The SQL that stores and deletes documents.

Rows travel as one JSON parameter a statement: a batch of a thousand documents is a handful of
statements, whatever its size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import and_, select, text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.tables import Chunk, Collection, Document, DocumentVersion


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What an upsert has to know of a document: its row is locked by whoever got this."""

    id: int
    external_id: str
    version: int
    generation: int
    whole_hash: bytes
    source_version: int | None
    # None: inserted in this transaction, its first version is still to be written
    content_hash: bytes | None

    @property
    def is_new(self) -> bool:
        """Whether this transaction inserted it."""
        return self.content_hash is None


def known_hashes(
    session: Session, *, collection_id: int, external_ids: Sequence[str]
) -> dict[str, tuple[bytes, bytes]]:
    """Return the whole hash and the content hash of those documents that exist."""
    # One parameter: a thousand are each rendered, sent and parsed alone, at twice the cost.
    statement = text("""
        SELECT d.external_id, d.content_hash, v.content_hash FROM documents d
        JOIN document_versions v ON v.document_id = d.id AND v.version = d.version
        WHERE d.collection_id = :collection_id
          AND d.external_id = ANY(CAST(:ids AS text[]))
    """)
    facts = {"collection_id": collection_id, "ids": array_literal(external_ids)}
    return {row[0]: (row[1], row[2]) for row in session.execute(statement, facts)}


def array_literal(values: Sequence[str]) -> str:
    """Return PostgreSQL's own text form of a text[]; no value may hold a NUL character."""
    if not values:
        return "{}"
    escaped = "\0".join(values).replace("\\", r"\\").replace('"', r"\"")
    return '{"' + escaped.replace("\0", '","') + '"}'


@dataclass(frozen=True, slots=True)
class HeldCollection:
    """What of a collection decides how documents are stored and may change."""

    filterable: dict[str, str]
    chunking: dict[str, Any]


def hold_collection(session: Session, collection_id: int) -> HeldCollection | None:
    """Keep a collection as it is until the transaction ends, and return it; None if gone."""
    db.share_turn(session, db.Turn.COLLECTION, [collection_id])
    statement = (
        select(Collection.filterable, Collection.chunking)
        .where(Collection.id == collection_id, Collection.deleted_at.is_(None))
        .with_for_update(read=True)
    )
    found = session.execute(statement).one_or_none()
    return None if found is None else HeldCollection(*found)


def insert_new(
    session: Session, *, workspace_id: int, collection_id: int, rows: Sequence[dict[str, Any]]
) -> None:
    """Insert the documents that are new, in external_id order.

    A new document has version 1 and generation 1, which answer at once. Waits for others who are
    inserting the same ids.
    """
    statement = text("""
        INSERT INTO documents (workspace_id, collection_id, external_id, url, metadata,
          attributes, access, language, source_version, expires_at, file_id, content_hash,
          version, live_version, generation, live_generation)
        SELECT :workspace_id, :collection_id, r.external_id, r.url, r.metadata, r.attributes,
          r.access, r.language, r.source_version, r.expires_at, r.file_id,
          decode(r.whole_hash, 'hex'),
          1, 1, 1, 1
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (external_id text, url text,
          metadata jsonb, attributes jsonb, access text[], language text,
          source_version bigint, expires_at timestamptz, file_id bigint, whole_hash text)
        ORDER BY r.external_id
        ON CONFLICT (collection_id, external_id) DO NOTHING
    """)
    facts = {
        "workspace_id": workspace_id,
        "collection_id": collection_id,
        "rows": orjson.dumps(rows).decode(),
    }
    session.execute(statement, facts)


def hold_documents(
    session: Session, *, collection_id: int, external_ids: Sequence[str]
) -> dict[str, StoredDocument]:
    """Lock documents in id order and return them as they then are."""
    chosen = (Document.collection_id == collection_id, Document.external_id.in_(external_ids))
    session.execute(
        select(Document.id).where(*chosen).order_by(Document.id).with_for_update(key_share=True)
    )
    # A second statement: the first one's snapshot is older than what it waited for.
    statement = (
        select(
            Document.id,
            Document.external_id,
            Document.version,
            Document.generation,
            Document.content_hash,
            Document.source_version,
            DocumentVersion.content_hash,
        )
        .outerjoin(
            DocumentVersion,
            and_(
                DocumentVersion.document_id == Document.id,
                DocumentVersion.version == Document.version,
            ),
        )
        .where(*chosen)
    )
    return {row.external_id: StoredDocument(*row) for row in session.execute(statement)}


def keep_from_deletion(
    session: Session, *, collection_id: int, document_ids: Sequence[int]
) -> None:
    """Let unchanged documents count as sent just now while a run deletes what is older."""
    statement = text("""
        UPDATE documents SET updated_at = now() WHERE id = ANY(:ids) AND EXISTS (
          SELECT FROM runs WHERE kind = 'delete_documents' AND status IN ('queued', 'running')
            AND CAST(arguments ->> 'collection_id' AS bigint) = :collection_id)
    """)
    session.execute(statement, {"ids": list(document_ids), "collection_id": collection_id})


def update_documents(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Replace what was sent for locked documents; their versions and generations move on."""
    statement = text("""
        UPDATE documents d SET url = r.url, metadata = r.metadata, attributes = r.attributes,
          access = r.access, language = r.language, expires_at = r.expires_at,
          file_id = r.file_id,
          source_version = coalesce(r.source_version, d.source_version),
          content_hash = decode(r.whole_hash, 'hex'), version = r.version,
          generation = r.generation, updated_at = now()
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id bigint, url text,
          metadata jsonb, attributes jsonb, access text[], language text, source_version bigint,
          expires_at timestamptz, file_id bigint, whole_hash text, version integer,
          generation integer)
        WHERE d.id = r.id
    """)
    session.execute(statement, {"rows": orjson.dumps(rows).decode()})


def insert_versions(session: Session, *, workspace_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the text of new versions."""
    statement = text("""
        INSERT INTO document_versions (document_id, version, workspace_id, title, text,
                                       format, page_starts, content_hash)
        SELECT r.document_id, r.version, :workspace_id, r.title, r.text, r.format, r.page_starts,
               decode(r.content_hash, 'hex')
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (document_id bigint,
          version integer, title text, text text, format text, page_starts integer[],
          content_hash text)
    """)
    session.execute(statement, {"workspace_id": workspace_id, "rows": orjson.dumps(rows).decode()})


def insert_chunks(
    session: Session, *, workspace_id: int, collection_id: int, rows: Sequence[dict[str, Any]]
) -> list[tuple[int, int]]:
    """Insert chunks; return (document id, chunk id) of each."""
    statement = text("""
        INSERT INTO chunks (workspace_id, collection_id, document_id, version, generation,
          position, start_offset, end_offset, heading_path, text, n_tokens, input_hash)
        SELECT :workspace_id, :collection_id, r.document_id, r.version, r.generation, r.position,
          r.start_offset, r.end_offset, r.heading_path, r.text, r.n_tokens,
          decode(r.input_hash, 'hex')
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (document_id bigint,
          version integer, generation integer, position integer, start_offset integer,
          end_offset integer, heading_path text, text text, n_tokens integer, input_hash text)
        ORDER BY r.document_id, r.position
        RETURNING document_id, id
    """)
    facts = {
        "workspace_id": workspace_id,
        "collection_id": collection_id,
        "rows": orjson.dumps(rows).decode(),
    }
    return [(row[0], row[1]) for row in session.execute(statement, facts)]


def delete_documents(session: Session, document_ids: Sequence[int]) -> list[int]:
    """Delete documents with their versions and chunks; return the ids of the chunks gone.

    A worker that is just storing a vector of one of the chunks is waited for.
    """
    chunk_ids = session.execute(
        select(Chunk.id)
        .where(Chunk.document_id.in_(document_ids))
        .order_by(Chunk.id)
        .with_for_update()
    ).scalars()
    gone = list(chunk_ids)
    session.execute(text("DELETE FROM documents WHERE id = ANY(:ids)"), {"ids": list(document_ids)})
    return gone
