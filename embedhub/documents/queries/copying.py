"""The SQL of a collection that is kept like another one."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session


def next_documents(
    session: Session, *, collection_id: int, after: int, limit: int, max_bytes: int
) -> Sequence[RowMapping]:
    """Return documents with ids past `after` and their newest text, by id.

    As many as have `max_bytes` of text together, and one at least.
    """
    statement = text("""
        WITH next AS MATERIALIZED (
          SELECT * FROM documents
          WHERE collection_id = :collection_id AND id > :after ORDER BY id LIMIT :limit),
        sized AS MATERIALIZED (
          SELECT n.*, sum(octet_length(v.text)) OVER (ORDER BY n.id)
                      - octet_length(v.text) AS before
          FROM next n JOIN document_versions v ON v.document_id = n.id AND v.version = n.version)
        SELECT s.id, s.external_id, s.url, s.metadata, s.access, s.language, s.expires_at,
               v.title, v.text, v.format, v.page_starts
        FROM sized s JOIN document_versions v ON v.document_id = s.id AND v.version = s.version
        WHERE s.before < :max_bytes ORDER BY s.id
    """)
    facts = {
        "collection_id": collection_id,
        "after": after,
        "limit": limit,
        "max_bytes": max_bytes,
    }
    return session.execute(statement, facts).mappings().all()


def without_source(
    session: Session, *, source_id: int, copy_id: int, after: int, limit: int
) -> list[int]:
    """Return documents of the copy whose external id the source does not have, by id."""
    statement = text("""
        SELECT c.id FROM documents c WHERE c.collection_id = :copy_id AND c.id > :after
         AND NOT EXISTS (SELECT FROM documents s WHERE s.collection_id = :source_id
                          AND s.external_id = c.external_id)
        ORDER BY c.id LIMIT :limit
    """)
    facts = {"source_id": source_id, "copy_id": copy_id, "after": after, "limit": limit}
    return list(session.execute(statement, facts).scalars())


def still_without_source(
    session: Session, *, source_id: int, document_ids: Sequence[int]
) -> list[int]:
    """Return which of these documents have no document of the same external id in the source."""
    statement = text("""
        SELECT c.id FROM documents c WHERE c.id = ANY(:ids)
         AND NOT EXISTS (SELECT FROM documents s WHERE s.collection_id = :source_id
                          AND s.external_id = c.external_id)
        ORDER BY c.id
    """)
    facts = {"source_id": source_id, "ids": list(document_ids)}
    return list(session.execute(statement, facts).scalars())


def count_pending(session: Session, *, space_id: int | None, at_most: int) -> int:
    """Return how many passages of a space wait for their vectors, counted no further than told."""
    statement = text("""
        SELECT count(*) FROM (SELECT FROM pending WHERE space_id = :space_id AND dead_at IS NULL
                              LIMIT :at_most) AS waiting
    """)
    return int(session.execute(statement, {"space_id": space_id, "at_most": at_most}).scalar_one())
