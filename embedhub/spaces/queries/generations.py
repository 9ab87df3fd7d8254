"""The SQL that lets a new generation of chunks answer in place of the old one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.spaces.copies import DELEGATE
from embedhub.spaces.queries.copies import appoint_delegates
from embedhub.spaces.queries.shelves import TABLES
from embedhub.tables import Space

# Index rows whose documents say something else by now, of one space.
OUTDATED = """
    SELECT o.owner_id FROM {table} o JOIN documents p ON p.id = o.document_id
    WHERE o.shelf_id = :shelf_id AND o.space_id = :space_id AND o.document_id = ANY(:ids)
      AND (o.access IS DISTINCT FROM p.access OR o.attributes <> p.attributes)
    ORDER BY o.owner_id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class LiveChunk:
    """A chunk that begins to answer, with what its index rows repeat."""

    id: int
    document_id: int
    input_hash: bytes | None
    title: str
    heading_path: str
    text: str
    language: str
    access: list[str] | None
    attributes: dict[str, Any]


def lock_documents_of(session: Session, chunk_ids: Sequence[int]) -> None:
    """Hold the documents of these chunks, in id order: what they say of access stays true."""
    statement = text("""
        SELECT id FROM documents WHERE id IN (
          SELECT document_id FROM chunks WHERE id = ANY(:ids)) ORDER BY id FOR NO KEY UPDATE
    """)
    session.execute(statement, {"ids": list(chunk_ids)})


def waiting_documents(session: Session, *, chunk_ids: Sequence[int]) -> list[int]:
    """Return the documents of these chunks whose newest generation does not answer yet."""
    statement = text("""
        SELECT DISTINCT d.id FROM chunks c JOIN documents d ON d.id = c.document_id
        WHERE c.id = ANY(:ids) AND d.generation <> d.live_generation
    """)
    return sorted(session.execute(statement, {"ids": list(chunk_ids)}).scalars())


def forgotten_documents(session: Session, *, limit: int) -> list[int]:
    """Return documents whose newest generation waits for no living row of the ledger."""
    statement = text("""
        SELECT d.id FROM documents d
        WHERE d.generation <> d.live_generation AND NOT EXISTS (
          SELECT FROM chunks c JOIN pending p ON p.owner_id = c.id AND p.dead_at IS NULL
          JOIN spaces s ON s.id = p.space_id AND s.status = 'live' AND s.subject = 'chunk'
          WHERE c.document_id = d.id AND c.generation = d.generation)
        ORDER BY d.id LIMIT :limit
    """)
    return list(session.execute(statement, {"limit": limit}).scalars())


def lock_documents(session: Session, document_ids: Sequence[int]) -> None:
    """Hold these documents, in id order, so that one transaction at a time decides on each."""
    statement = text("SELECT id FROM documents WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
    session.execute(statement, {"ids": list(document_ids)})


def complete_documents(session: Session, document_ids: Sequence[int]) -> list[int]:
    """Return those of the waiting documents whose last missing vector has come, or never will."""
    statement = text("""
        SELECT d.id FROM documents d
        WHERE d.id = ANY(:ids) AND d.generation <> d.live_generation AND NOT EXISTS (
          SELECT FROM chunks c JOIN pending p ON p.owner_id = c.id AND p.dead_at IS NULL
          JOIN spaces s ON s.id = p.space_id AND s.status = 'live' AND s.subject = 'chunk'
          WHERE c.document_id = d.id AND c.generation = d.generation)
        ORDER BY d.id
    """)
    return list(session.execute(statement, {"ids": list(document_ids)}).scalars())


def old_chunks(session: Session, document_ids: Sequence[int]) -> list[int]:
    """Return the chunks of these documents that are not of their newest generation."""
    statement = text("""
        SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id
        WHERE d.id = ANY(:ids) AND c.generation <> d.generation ORDER BY c.id
    """)
    return list(session.execute(statement, {"ids": list(document_ids)}).scalars())


def superseded_chunks(session: Session, document_ids: Sequence[int]) -> list[int]:
    """Return chunks that never answered and never will: a newer generation took their turn."""
    statement = text("""
        SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id
        WHERE d.id = ANY(:ids) AND c.generation NOT IN (d.generation, d.live_generation)
        ORDER BY c.id
    """)
    return list(session.execute(statement, {"ids": list(document_ids)}).scalars())


def make_live(session: Session, document_ids: Sequence[int]) -> None:
    """Let the newest version and generation of these documents answer."""
    session.execute(
        text(
            "UPDATE documents SET live_generation = generation, live_version = version"
            " WHERE id = ANY(:ids)"
        ),
        {"ids": list(document_ids)},
    )


def delete_chunks(session: Session, chunk_ids: Sequence[int]) -> None:
    """Delete chunks; waits for a worker that is just storing a vector of one of them."""
    statement = text("""
        DELETE FROM chunks WHERE id IN (
          SELECT id FROM chunks WHERE id = ANY(:ids) ORDER BY id FOR UPDATE)
    """)
    session.execute(statement, {"ids": list(chunk_ids)})


def delete_vectors(
    session: Session, *, shelf_id: int, space_id: int, owner_ids: Sequence[int]
) -> None:
    """Delete the dense vectors of owners that are gone; copies of them go on being found."""
    statement = text("""
        DELETE FROM embeddings
        WHERE shelf_id = :shelf_id AND space_id = :space_id AND owner_id = ANY(:ids)
        RETURNING input_hash, copy
    """)
    facts = {"shelf_id": shelf_id, "space_id": space_id, "ids": list(owner_ids)}
    gone = session.execute(statement, facts).all()
    appoint_delegates(
        session,
        shelf_id=shelf_id,
        space_id=space_id,
        hashes=(bytes(input_hash) for input_hash, copy in gone if copy == DELEGATE),
    )


def delete_pending(session: Session, *, space_ids: Sequence[int], owner_ids: Sequence[int]) -> None:
    """Delete the ledger's rows of owners that are gone."""
    statement = text("DELETE FROM pending WHERE space_id = ANY(:spaces) AND owner_id = ANY(:ids)")
    session.execute(statement, {"spaces": list(space_ids), "ids": list(owner_ids)})


def live_chunks(session: Session, document_ids: Sequence[int]) -> list[LiveChunk]:
    """Return the chunks that answer for these documents, with what their index rows repeat."""
    statement = text("""
        SELECT c.id, c.document_id, c.input_hash, v.title, c.heading_path, c.text,
               coalesce(d.language, k.language) AS language, d.access, d.attributes
        FROM documents d
        JOIN chunks c ON c.document_id = d.id AND c.generation = d.live_generation
        JOIN document_versions v ON v.document_id = d.id AND v.version = c.version
        JOIN collections k ON k.id = d.collection_id
        WHERE d.id = ANY(:ids) ORDER BY c.id
    """)
    return [LiveChunk(*row) for row in session.execute(statement, {"ids": list(document_ids)})]


def count_outdated(
    session: Session, space: Space, *, document_ids: Sequence[int], at_most: int
) -> int:
    """Return how many rows of a space differ from their documents in what filters see."""
    statement = text(f"SELECT count(*) FROM ({OUTDATED.format(table=TABLES[space.kind])}) AS o")
    return int(session.execute(statement, _place(space, document_ids, at_most)).scalar_one())


def rewrite_some(session: Session, space: Space, *, document_ids: Sequence[int], limit: int) -> int:
    """Repeat held documents' access and attributes in some rows that differ; return how many."""
    table = TABLES[space.kind]
    statement = text(f"""
        UPDATE {table} e SET access = d.access, attributes = d.attributes
        FROM documents d
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND d.id = e.document_id
          AND e.owner_id = ANY(ARRAY({OUTDATED.format(table=table)}))
    """)
    facts = _place(space, document_ids, limit)
    return session.execute(statement, facts).rowcount  # type: ignore[attr-defined, no-any-return]


def _place(space: Space, document_ids: Sequence[int], limit: int) -> dict[str, Any]:
    return {
        "shelf_id": space.shelf_id,
        "space_id": space.id,
        "ids": list(document_ids),
        "limit": limit,
    }


def rewrite_filter_columns(
    session: Session, *, table: str, shelf_id: int, space_id: int, document_ids: Sequence[int]
) -> None:
    """Repeat the documents' access and attributes in their live index rows."""
    if table not in ("embeddings", "sparse_embeddings"):
        raise ValueError(table)
    statement = text(f"""
        UPDATE {table} e SET access = d.access, attributes = d.attributes
        FROM documents d
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.document_id = d.id
          AND d.id = ANY(:ids)
          AND (e.access IS DISTINCT FROM d.access OR e.attributes <> d.attributes)
    """)
    session.execute(
        statement, {"shelf_id": shelf_id, "space_id": space_id, "ids": list(document_ids)}
    )
