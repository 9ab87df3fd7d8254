"""All SQL of documents, their versions and chunks.

Rows travel as one JSON parameter a statement: a batch of a thousand documents is a handful of
statements, whatever its size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, and_, func, or_, select, text
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.search.filters import Filter
from embedhub.tables import Chunk, Collection, Document, DocumentVersion, Pending, Space


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What an upsert has to know of a document: its row is locked by whoever got this."""

    id: int
    external_id: str
    version: int
    generation: int
    whole_hash: bytes
    source_version: int | None
    content_hash: bytes | None
    is_new: bool


def known_hashes(
    session: Session, *, collection_id: int, external_ids: Sequence[str]
) -> dict[str, tuple[bytes, bytes]]:
    """Return the whole hash and the content hash of those documents that exist."""
    statement = (
        select(Document.external_id, Document.content_hash, DocumentVersion.content_hash)
        .join(
            DocumentVersion,
            and_(
                DocumentVersion.document_id == Document.id,
                DocumentVersion.version == Document.version,
            ),
        )
        .where(Document.collection_id == collection_id, Document.external_id.in_(external_ids))
    )
    return {row[0]: (row[1], row[2]) for row in session.execute(statement)}


def hold_collection(session: Session, collection_id: int) -> bool:
    """Keep the collection from being deleted until the transaction ends; False if it is gone."""
    statement = (
        select(Collection.id)
        .where(Collection.id == collection_id, Collection.deleted_at.is_(None))
        .with_for_update(read=True)
    )
    return session.execute(statement).scalar() is not None


def hold_or_insert(
    session: Session, *, workspace_id: int, collection_id: int, rows: Sequence[dict[str, Any]]
) -> dict[str, StoredDocument]:
    """Insert the documents that are new and lock those that exist, in external_id order.

    A new document has version 1 and generation 1, which answer at once. Existing rows are returned
    as they were.
    """
    # Those that exist first and in id order, as everybody else locks them.
    session.execute(
        select(Document.id)
        .where(
            Document.collection_id == collection_id,
            Document.external_id.in_([row["external_id"] for row in rows]),
        )
        .order_by(Document.id)
        .with_for_update(key_share=True)
    )
    statement = text("""
        WITH held AS (
          INSERT INTO documents (workspace_id, collection_id, external_id, url, metadata,
            attributes, access, language, source_version, expires_at, content_hash,
            version, live_version, generation, live_generation)
          SELECT :workspace_id, :collection_id, r.external_id, r.url, r.metadata, r.attributes,
            r.access, r.language, r.source_version, r.expires_at, decode(r.whole_hash, 'hex'),
            1, 1, 1, 1
          FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (external_id text, url text,
            metadata jsonb, attributes jsonb, access text[], language text,
            source_version bigint, expires_at timestamptz, whole_hash text)
          ORDER BY r.external_id
          ON CONFLICT (collection_id, external_id) DO UPDATE SET external_id = excluded.external_id
          RETURNING id, external_id, version, generation, content_hash, source_version,
                    xmax = 0 AS is_new)
        SELECT held.id, held.external_id, held.version, held.generation, held.content_hash,
               held.source_version, v.content_hash, held.is_new
        FROM held LEFT JOIN document_versions v
          ON NOT held.is_new AND v.document_id = held.id AND v.version = held.version
    """)
    facts = {
        "workspace_id": workspace_id,
        "collection_id": collection_id,
        "rows": orjson.dumps(rows).decode(),
    }
    stored = (StoredDocument(*row) for row in session.execute(statement, facts))
    return {document.external_id: document for document in stored}


def update_documents(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Replace what was sent for locked documents; their versions and generations move on."""
    statement = text("""
        UPDATE documents d SET url = r.url, metadata = r.metadata, attributes = r.attributes,
          access = r.access, language = r.language, expires_at = r.expires_at,
          source_version = coalesce(r.source_version, d.source_version),
          content_hash = decode(r.whole_hash, 'hex'), version = r.version,
          generation = r.generation, updated_at = now()
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id bigint, url text,
          metadata jsonb, attributes jsonb, access text[], language text, source_version bigint,
          expires_at timestamptz, whole_hash text, version integer, generation integer)
        WHERE d.id = r.id
    """)
    session.execute(statement, {"rows": orjson.dumps(rows).decode()})


def insert_versions(session: Session, *, workspace_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the text of new versions."""
    statement = text("""
        INSERT INTO document_versions (document_id, version, workspace_id, title, text,
                                       content_hash)
        SELECT r.document_id, r.version, :workspace_id, r.title, r.text,
               decode(r.content_hash, 'hex')
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (document_id bigint,
          version integer, title text, text text, content_hash text)
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
    workspace_id: int,
    collection_id: int,
    external_ids: Sequence[str] | None,
    where: Filter,
    limit: int,
) -> list[int]:
    """Return up to `limit` document ids by external ids or by filter, in id order."""
    statement = select(Document.id).where(
        Document.workspace_id == workspace_id,
        Document.collection_id == collection_id,
        where.predicate(Document.attributes),
    )
    if external_ids is not None:
        statement = statement.where(Document.external_id.in_(external_ids))
    return list(session.execute(statement.order_by(Document.id).limit(limit)).scalars())


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


def expired_ids(session: Session, *, limit: int) -> list[int]:
    """Return documents past their time, whoever owns them: for the clock alone."""
    statement = text("SELECT id FROM documents WHERE expires_at <= now() ORDER BY id LIMIT :limit")
    return list(session.execute(statement, {"limit": limit}).scalars())


def delete_old_versions(session: Session, *, days: int, limit: int) -> int:
    """Delete versions that were superseded long ago and no longer answer; return how many."""
    statement = text("""
        DELETE FROM document_versions WHERE (document_id, version) IN (
          SELECT v.document_id, v.version FROM document_versions v
          JOIN documents d ON d.id = v.document_id
          WHERE v.created_at < now() - make_interval(days => :days)
            AND v.version < least(d.version, d.live_version)
            AND d.updated_at < now() - make_interval(days => :days)
          LIMIT :limit)
    """)
    return session.execute(statement, {"days": days, "limit": limit}).rowcount  # type: ignore[attr-defined, no-any-return]


def document_batch(
    session: Session, *, collection_id: int, after: int, limit: int
) -> Sequence[Document]:
    """Return a collection's documents with ids past `after`, locked in id order."""
    statement = (
        select(Document)
        .where(Document.collection_id == collection_id, Document.id > after)
        .order_by(Document.id)
        .limit(limit)
        .with_for_update(key_share=True)
    )
    return session.execute(statement).scalars().all()
