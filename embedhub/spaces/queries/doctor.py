"""The SQL that proves that nothing is lost: each query counts the rows that break one promise."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.spaces.copies import DELEGATE, IS_HIDDEN


def _checks_of_members(subject: str, table: str, attributes: str) -> dict[str, str]:
    """Return the same promises for items, or users, of catalogs; an old vector may answer on."""
    return {
        f"{table} with neither a vector, nor a pending row, nor a reason to have none": f"""
        SELECT count(*) FROM spaces s
        JOIN catalogs k ON k.id = s.catalog_id AND k.encoder = s.encoder
        JOIN {table} m ON m.catalog_id = k.id
        LEFT JOIN embeddings e ON e.shelf_id = s.shelf_id AND e.space_id = s.id
             AND e.owner_id = m.id AND e.input_hash = m.input_hash
        LEFT JOIN pending p ON p.space_id = s.id AND p.owner_id = m.id
             AND p.input_hash = m.input_hash
        WHERE s.kind = 'dense' AND s.subject = '{subject}' AND s.status <> 'retired'
          AND m.input_hash IS NOT NULL AND e.owner_id IS NULL AND p.owner_id IS NULL""",
        f"vectors or pending rows of {table} that are gone or have nothing to encode": f"""
        SELECT (SELECT count(*) FROM embeddings e
                JOIN spaces s ON s.id = e.space_id AND s.subject = '{subject}'
                LEFT JOIN catalogs k ON k.id = s.catalog_id AND k.encoder = s.encoder
                LEFT JOIN {table} m ON m.id = e.owner_id AND m.catalog_id = s.catalog_id
                WHERE m.id IS NULL OR (k.id IS NOT NULL AND m.input_hash IS NULL))
             + (SELECT count(*) FROM pending p
                JOIN spaces s ON s.id = p.space_id AND s.subject = '{subject}'
                LEFT JOIN {table} m ON m.id = p.owner_id AND m.catalog_id = s.catalog_id
                WHERE m.id IS NULL OR m.input_hash IS DISTINCT FROM p.input_hash)""",
        f"index rows whose filter values are not those of their {table}": f"""
        SELECT (SELECT count(*) FROM embeddings e
                JOIN spaces s ON s.id = e.space_id AND s.subject = '{subject}'
                JOIN {table} m ON m.id = e.owner_id WHERE e.attributes <> m.{attributes})
             + (SELECT count(*) FROM sparse_embeddings e
                JOIN spaces s ON s.id = e.space_id AND s.subject = '{subject}'
                JOIN {table} m ON m.id = e.owner_id WHERE e.attributes <> m.{attributes})""",
    }


# Every owner of an encoder-fed space, and every index row, is where it belongs.
CHECKS: dict[str, str] = {
    "chunks with neither a vector, nor a pending row, nor a reason to have none": """
        SELECT count(*) FROM spaces s
        JOIN documents d ON d.collection_id = s.collection_id
        JOIN chunks c ON c.document_id = d.id AND c.generation = d.live_generation
        LEFT JOIN embeddings e ON e.shelf_id = s.shelf_id AND e.space_id = s.id
             AND e.owner_id = c.id AND e.input_hash = c.input_hash
        LEFT JOIN pending p ON p.space_id = s.id AND p.owner_id = c.id
        WHERE s.kind = 'dense' AND s.subject = 'chunk' AND s.status <> 'retired'
          AND s.encoder <> 'supplied' AND c.input_hash IS NOT NULL
          AND e.owner_id IS NULL AND p.owner_id IS NULL""",
    "chunks with both a vector and a pending row": """
        SELECT count(*) FROM spaces s
        JOIN embeddings e ON e.shelf_id = s.shelf_id AND e.space_id = s.id
        JOIN pending p ON p.space_id = s.id AND p.owner_id = e.owner_id
        WHERE s.kind = 'dense' AND e.input_hash = p.input_hash""",
    "vectors without an owner": """
        SELECT count(*) FROM embeddings e LEFT JOIN spaces s ON s.id = e.space_id
        LEFT JOIN chunks c ON c.id = e.owner_id
        LEFT JOIN documents d ON d.id = c.document_id AND d.live_generation = c.generation
        WHERE s.id IS NULL OR s.shelf_id <> e.shelf_id OR (s.subject = 'chunk' AND d.id IS NULL)""",
    "vectors of another text than their chunk's": """
        SELECT count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id
        JOIN chunks c ON c.id = e.owner_id
        WHERE s.subject = 'chunk' AND c.input_hash IS DISTINCT FROM e.input_hash""",
    "vectors that no index reaches": f"""
        SELECT count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id
        LEFT JOIN collections k ON k.id = s.collection_id
        WHERE e.{IS_HIDDEN} AND k.deleted_at IS NULL AND NOT EXISTS (
          SELECT FROM embeddings d WHERE d.shelf_id = e.shelf_id AND d.space_id = e.space_id
            AND d.input_hash = e.input_hash AND d.copy = {DELEGATE})""",
    "pending rows without an owner": """
        SELECT count(*) FROM pending p JOIN spaces s ON s.id = p.space_id AND s.subject = 'chunk'
        LEFT JOIN chunks c ON c.id = p.owner_id WHERE c.id IS NULL""",
    "chunks that cannot be found by their words": """
        SELECT count(*) FROM spaces s
        JOIN documents d ON d.collection_id = s.collection_id
        JOIN chunks c ON c.document_id = d.id AND c.generation = d.live_generation
        LEFT JOIN sparse_embeddings e ON e.shelf_id = s.shelf_id AND e.space_id = s.id
             AND e.owner_id = c.id
        WHERE s.kind = 'sparse' AND s.subject = 'chunk' AND s.status <> 'retired'
          AND e.owner_id IS NULL""",
    "word rows without an owner": """
        SELECT count(*) FROM sparse_embeddings e LEFT JOIN spaces s ON s.id = e.space_id
        LEFT JOIN chunks c ON c.id = e.owner_id
        LEFT JOIN documents d ON d.id = c.document_id AND d.live_generation = c.generation
        WHERE s.id IS NULL OR s.shelf_id <> e.shelf_id OR (s.subject = 'chunk' AND d.id IS NULL)""",
    "index rows whose access or filter values are not their document's": """
        SELECT (SELECT count(*) FROM embeddings e JOIN documents d ON d.id = e.document_id
                WHERE e.access IS DISTINCT FROM d.access OR e.attributes <> d.attributes)
             + (SELECT count(*) FROM sparse_embeddings e JOIN documents d ON d.id = e.document_id
                WHERE e.access IS DISTINCT FROM d.access OR e.attributes <> d.attributes)""",
    **_checks_of_members("item", "items", "index_attributes"),
    **_checks_of_members("user", "users", "attributes"),
    "items that cannot be found by their words": """
        SELECT count(*) FROM spaces s
        JOIN items m ON m.catalog_id = s.catalog_id
        LEFT JOIN sparse_embeddings e ON e.shelf_id = s.shelf_id AND e.space_id = s.id
             AND e.owner_id = m.id
        WHERE s.kind = 'sparse' AND s.subject = 'item' AND s.status <> 'retired'
          AND (e.owner_id IS NULL) <> (m.input_hash IS NULL)""",
    "words whose document frequency is wrong": """
        WITH counted AS (
          SELECT e.space_id, t.lexeme, count(*) AS n FROM sparse_embeddings e,
                 unnest(tsvector_to_array(e.terms)) AS t (lexeme) GROUP BY 1, 2),
        summed AS (
          SELECT space_id, lexeme, sum(delta) AS n FROM term_deltas GROUP BY 1, 2
          HAVING sum(delta) <> 0)
        SELECT count(*) FROM counted FULL JOIN summed USING (space_id, lexeme)
        WHERE counted.n IS DISTINCT FROM summed.n""",
    "counts of words without a space": """
        SELECT count(*) FROM term_deltas t LEFT JOIN spaces s ON s.id = t.space_id
        WHERE s.id IS NULL""",
    "versions that no document points to": """
        SELECT count(*) FROM document_versions v JOIN documents d ON d.id = v.document_id
        WHERE v.version > d.version""",
    "updates that wait for nothing": """
        SELECT count(*) FROM documents d
        WHERE d.generation <> d.live_generation AND d.updated_at < now() - interval '5 minutes'
          AND NOT EXISTS (
            SELECT FROM chunks c JOIN pending p ON p.owner_id = c.id AND p.dead_at IS NULL
            WHERE c.document_id = d.id AND c.generation = d.generation)""",
}

TOTALS = text("""
    SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks),
           (SELECT count(*) FROM embeddings), (SELECT count(*) FROM pending WHERE dead_at IS NULL),
           (SELECT count(*) FROM pending WHERE dead_at IS NOT NULL)
""")


def broken_rows(session: Session) -> dict[str, int]:
    """Return how many rows break each promise, in one snapshot: all zero when nothing is lost."""
    session.execute(text("SET LOCAL statement_timeout = 0"))
    return {
        promise: int(session.execute(text(check)).scalar_one()) for promise, check in CHECKS.items()
    }


def totals(session: Session) -> tuple[int, int, int, int, int]:
    """Count documents, chunks, vectors, pending and dead rows."""
    documents, chunks, vectors, pending, dead = session.execute(TOTALS).one()
    return documents, chunks, vectors, pending, dead


def pgvector_version(session: Session) -> str:
    """Return the version of the extension that the database uses."""
    statement = text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    return str(session.execute(statement).scalar_one())
