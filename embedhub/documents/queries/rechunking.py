"""The SQL of another chunking of stored documents."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session

# Start, end and input hash (hexadecimal) of each passage, in order.
Shape = list[tuple[int, int, str | None]]


@dataclass(slots=True)
class StoredText:
    """A document's newest text, with the generation it was read at and how that is parted."""

    document_id: int
    version: int
    generation: int
    title: str
    text: str
    format: str
    shape: Shape = field(default_factory=list)


def count_documents(session: Session, *, collection_id: int) -> int:
    """Return how many documents a collection has."""
    statement = text("SELECT count(*) FROM documents WHERE collection_id = :id")
    return int(session.execute(statement, {"id": collection_id}).scalar_one())


def next_texts(
    session: Session, *, collection_id: int, after: int, limit: int, max_bytes: int
) -> list[StoredText]:
    """Return the newest texts of documents with ids past `after`, by id.

    As many as have `max_bytes` together, and one at least.
    """
    statement = text("""
        WITH next AS MATERIALIZED (
          SELECT id, version, generation FROM documents
          WHERE collection_id = :collection_id AND id > :after ORDER BY id LIMIT :limit),
        sized AS MATERIALIZED (
          SELECT n.*, sum(octet_length(v.text)) OVER (ORDER BY n.id)
                      - octet_length(v.text) AS before
          FROM next n JOIN document_versions v ON v.document_id = n.id AND v.version = n.version)
        SELECT s.id, s.version, s.generation, v.title, v.text, v.format
        FROM sized s JOIN document_versions v ON v.document_id = s.id AND v.version = s.version
        WHERE s.before < :max_bytes ORDER BY s.id
    """)
    facts = {
        "collection_id": collection_id,
        "after": after,
        "limit": limit,
        "max_bytes": max_bytes,
    }
    return [StoredText(*row) for row in session.execute(statement, facts)]


def shapes(session: Session, document_ids: Sequence[int]) -> dict[int, Shape]:
    """Return how the newest generation of each of these documents is parted."""
    statement = text("""
        SELECT c.document_id, c.start_offset, c.end_offset, encode(c.input_hash, 'hex')
        FROM documents d JOIN chunks c ON c.document_id = d.id AND c.generation = d.generation
        WHERE d.id = ANY(:ids) ORDER BY c.document_id, c.position
    """)
    found: dict[int, Shape] = {}
    for document_id, start, end, input_hash in session.execute(
        statement, {"ids": list(document_ids)}
    ):
        found.setdefault(document_id, []).append((start, end, input_hash))
    return found


def advance_generations(session: Session, texts: Sequence[StoredText]) -> list[int]:
    """Lock documents in id order and begin a generation of those that are as they were read.

    Returns their ids; others have got another text meanwhile, or are gone.
    """
    ids = [one.document_id for one in texts]
    session.execute(
        text("SELECT id FROM documents WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"),
        {"ids": ids},
    )
    # A second statement: the first one's snapshot is older than what it waited for.
    statement = text("""
        UPDATE documents d SET generation = d.generation + 1
        FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS int[]), CAST(:generations AS int[]))
          AS seen (id, version, generation)
        WHERE d.id = seen.id AND d.version = seen.version AND d.generation = seen.generation
        RETURNING d.id
    """)
    facts = {
        "ids": ids,
        "versions": [one.version for one in texts],
        "generations": [one.generation for one in texts],
    }
    return sorted(session.execute(statement, facts).scalars())


def count_waiting(
    session: Session, *, collection_id: int, space_id: int | None, priority: int
) -> int:
    """Return how many documents wait for vectors that were asked for with this priority."""
    statement = text("""
        SELECT count(DISTINCT c.document_id) FROM documents d
        JOIN chunks c ON c.document_id = d.id AND c.generation = d.generation
        JOIN pending p ON p.owner_id = c.id AND p.space_id = :space_id
         AND p.dead_at IS NULL AND p.priority = :priority
        WHERE d.collection_id = :collection_id AND d.generation <> d.live_generation
    """)
    facts = {"collection_id": collection_id, "space_id": space_id, "priority": priority}
    return int(session.execute(statement, facts).scalar_one())
