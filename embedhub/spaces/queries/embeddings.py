"""The SQL that gives chunks their vectors: from the cache, or by way of the ledger."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import copy_rows, foreign_keys_planned_once, int8, raw
from embedhub.bulk_copy import vectors as pack_vectors
from embedhub.spaces.queries.copies import NUMBERED, UNNUMBERED, is_numbered
from embedhub.spaces.queries.ledger import Input, LeasedRow
from embedhub.tables import Space

ENCODED_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS encoded_vectors
      (workspace_id bigint, input_hash bytea, vector vector) ON COMMIT DELETE ROWS
"""
HAS_VECTOR = """
    SELECT FROM embeddings e WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id
      AND e.owner_id = c.id AND e.input_hash = c.input_hash
"""
HAS_CACHED_VECTOR = """
    SELECT FROM vector_cache v WHERE v.workspace_id = c.workspace_id
      AND v.encoder = s.encoder || '@' || s.revision AND v.input_hash = c.input_hash
"""


def put_in_cache(
    session: Session, *, encoder: str, vectors: Mapping[Input, NDArray[np.float32]]
) -> None:
    """Remember each vector under its workspace and input; one already there stays."""
    # By COPY into a table of this connection: as text a vector cost more than all else about it.
    session.execute(text(ENCODED_TABLE))
    # Nothing, unless this transaction was here before.
    session.execute(text("DELETE FROM encoded_vectors"))
    # In key order: two workers that meet on the same inputs wait instead of deadlocking.
    keys = sorted(vectors)
    packed = pack_vectors([vectors[key] for key in keys])
    rows = (
        (int8(workspace_id), raw(input_hash), vector)
        for (workspace_id, input_hash), vector in zip(keys, packed, strict=True)
    )
    copy_rows(session, "encoded_vectors", ("workspace_id", "input_hash", "vector"), rows)
    with foreign_keys_planned_once(session):
        session.execute(
            text("""
                INSERT INTO vector_cache (workspace_id, encoder, input_hash, vector)
                SELECT workspace_id, :encoder, input_hash, vector FROM encoded_vectors
                ORDER BY workspace_id, input_hash
                ON CONFLICT (workspace_id, encoder, input_hash) DO UPDATE SET used_at = now()
            """),
            {"encoder": encoder},
        )


def cached_inputs(session: Session, *, encoder: str, rows: Sequence[LeasedRow]) -> set[Input]:
    """Return those inputs of the rows whose vector somebody has computed meanwhile."""
    statement = text("""
        SELECT v.workspace_id, v.input_hash FROM vector_cache v
        JOIN unnest(CAST(:workspaces AS bigint[]), CAST(:hashes AS bytea[]))
          AS wanted (workspace_id, input_hash)
          ON v.workspace_id = wanted.workspace_id AND v.input_hash = wanted.input_hash
        WHERE v.encoder = :encoder
    """)
    facts = {
        "encoder": encoder,
        "workspaces": [row.workspace_id for row in rows],
        "hashes": [row.input_hash for row in rows],
    }
    return {(row[0], bytes(row[1])) for row in session.execute(statement, facts)}


def store_cached(session: Session, *, space_id: int, chunk_ids: Sequence[int]) -> list[int]:
    """Give these chunks of live generations their vectors from the cache; return who got one.

    A chunk deleted meanwhile, of another text, or of a generation that does not answer yet gets
    none. The chunks stay locked against deletion until the transaction ends. The caller holds the
    space on its shelf.
    """
    shelf_id = session.execute(
        text("SELECT shelf_id FROM spaces WHERE id = :space_id"), {"space_id": space_id}
    ).scalar_one_or_none()
    if shelf_id is None:
        return []
    numbered = NUMBERED if is_numbered(session, shelf_id) else UNNUMBERED
    statement = text(f"""
        WITH ready AS MATERIALIZED (
          SELECT c.id, c.document_id, d.access, d.attributes, v.vector, c.input_hash
          FROM chunks c
          JOIN documents d ON d.id = c.document_id AND d.live_generation = c.generation
          JOIN spaces s ON s.id = :space_id AND s.workspace_id = c.workspace_id
          JOIN vector_cache v ON v.workspace_id = c.workspace_id
           AND v.encoder = s.encoder || '@' || s.revision AND v.input_hash = c.input_hash
          WHERE c.id = ANY(:ids)
          ORDER BY c.id FOR KEY SHARE OF c),
        {numbered.format(rows="ready")}
        INSERT INTO embeddings (shelf_id, space_id, owner_id, document_id, access, attributes,
                                vector, input_hash, copy)
        SELECT :shelf_id, :space_id, ready.*, copy FROM ready JOIN numbered USING (id)
        ON CONFLICT (shelf_id, space_id, owner_id) DO UPDATE
          SET vector = excluded.vector, input_hash = excluded.input_hash, encoded_at = now()
        RETURNING owner_id
    """)
    facts = {"shelf_id": shelf_id, "space_id": space_id, "ids": list(chunk_ids)}
    return list(session.execute(statement, facts).scalars())


def add_pending(
    session: Session, *, space: Space, chunk_ids: Sequence[int], priority: int, is_live: bool
) -> list[int]:
    """Enter the chunks that lack a vector; a changed input starts over. Returns those that wait.

    A live chunk lacks one until it stands in the space: a vector that came into the cache a moment
    ago does not count. Others wait in the cache for their turn. A chunk with nothing to encode
    never waits. The caller holds the space on its shelf.
    """
    statement = text(f"""
        INSERT INTO pending (space_id, owner_id, workspace_id, encoder, input_hash, priority)
        SELECT s.id, c.id, c.workspace_id, s.encoder || '@' || s.revision, c.input_hash, :priority
        FROM chunks c JOIN spaces s ON s.id = :space_id AND s.workspace_id = c.workspace_id
        WHERE c.id = ANY(:ids) AND c.input_hash IS NOT NULL
          AND NOT EXISTS ({HAS_VECTOR if is_live else HAS_CACHED_VECTOR})
        ORDER BY c.id
        ON CONFLICT (space_id, owner_id) DO UPDATE
          SET input_hash = excluded.input_hash, priority = excluded.priority, attempts = 0,
              not_before = now(), lease_token = NULL, leased_until = NULL, last_error = NULL,
              dead_at = NULL
          WHERE pending.input_hash <> excluded.input_hash
        RETURNING owner_id
    """)
    # The shelf by number: joined to the space's row, every partition there is would be locked.
    facts = {"space_id": space.id, "ids": list(chunk_ids), "priority": priority}
    if is_live:
        facts["shelf_id"] = space.shelf_id
    return list(session.execute(statement, facts).scalars())


def delete_unused_vectors(session: Session, *, days: int, limit: int) -> int:
    """Delete cached vectors that were not made or asked for in this time; return how many."""
    statement = text("""
        DELETE FROM vector_cache WHERE (workspace_id, encoder, input_hash) IN (
          SELECT workspace_id, encoder, input_hash FROM vector_cache
          WHERE used_at < now() - make_interval(days => :days) LIMIT :limit)
    """)
    return session.execute(statement, {"days": days, "limit": limit}).rowcount  # type: ignore[attr-defined, no-any-return]
