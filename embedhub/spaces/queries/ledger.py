"""The ledger's SQL: lease, read, store by comparing, forget, set aside."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector.sqlalchemy import VECTOR
from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from embedhub import db

READY = "dead_at IS NULL AND not_before <= now() AND (leased_until IS NULL OR leased_until < now())"


# A workspace and the hash of what an encoder is given.
Input = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class LeasedRow:
    """A row of the ledger that this process alone may work on until its lease ends."""

    space_id: int
    owner_id: int
    workspace_id: int
    input_hash: bytes
    attempts: int

    @property
    def input(self) -> Input:
        """Return what is encoded once: an input of a workspace."""
        return self.workspace_id, self.input_hash


@dataclass(frozen=True, slots=True)
class ChunkInput:
    """What the encoder is given for one chunk."""

    title: str
    heading_path: str
    text: str


def encoders_with_work(session: Session) -> list[str]:
    """Return the encoder keys that have a living row, by one index probe each."""
    statement = text("""
        WITH RECURSIVE keys AS (
          (SELECT encoder FROM pending WHERE dead_at IS NULL ORDER BY encoder LIMIT 1)
          UNION ALL
          SELECT (SELECT p.encoder FROM pending p
                  WHERE p.dead_at IS NULL AND p.encoder > keys.encoder ORDER BY p.encoder LIMIT 1)
          FROM keys WHERE keys.encoder IS NOT NULL)
        SELECT encoder FROM keys WHERE encoder IS NOT NULL
    """)
    return list(session.execute(statement).scalars())


def lease_fresh(
    session: Session, *, encoder: str, limit: int, token: uuid.UUID, lease_s: float
) -> list[LeasedRow]:
    """Lease never-tried rows of the most urgent priority, an equal share from each workspace."""
    statement = text(f"""
        WITH RECURSIVE urgent AS (
          SELECT priority FROM pending WHERE encoder = :encoder AND attempts = 0 AND {READY}
          ORDER BY priority LIMIT 1),
        lanes AS (
          (SELECT p.workspace_id FROM pending p, urgent
           WHERE p.encoder = :encoder AND p.priority = urgent.priority AND p.dead_at IS NULL
           ORDER BY p.workspace_id LIMIT 1)
          UNION ALL
          SELECT (SELECT p.workspace_id FROM pending p, urgent
                  WHERE p.encoder = :encoder AND p.priority = urgent.priority
                    AND p.dead_at IS NULL AND p.workspace_id > lanes.workspace_id
                  ORDER BY p.workspace_id LIMIT 1)
          FROM lanes WHERE lanes.workspace_id IS NOT NULL),
        picked AS (
          SELECT p.space_id, p.owner_id FROM urgent, lanes CROSS JOIN LATERAL (
            SELECT space_id, owner_id FROM pending
            WHERE encoder = :encoder AND priority = urgent.priority
              AND workspace_id = lanes.workspace_id AND attempts = 0 AND {READY}
            ORDER BY created_at
            LIMIT (SELECT greatest(1, :limit / greatest(1, count(workspace_id))) FROM lanes)
            FOR UPDATE SKIP LOCKED) p
          LIMIT :limit)
        UPDATE pending SET lease_token = :token, attempts = attempts + 1,
               leased_until = now() + make_interval(secs => :lease_s)
        FROM picked
        WHERE pending.space_id = picked.space_id AND pending.owner_id = picked.owner_id
        RETURNING pending.space_id, pending.owner_id, pending.workspace_id, pending.input_hash,
                  pending.attempts
    """)
    facts = {"encoder": encoder, "limit": limit, "token": token, "lease_s": lease_s}
    return [LeasedRow(*row) for row in session.execute(statement, facts)]


def lease_tried(
    session: Session,
    *,
    encoder: str,
    limit: int,
    max_attempts: int,
    token: uuid.UUID,
    lease_s: float,
) -> list[LeasedRow]:
    """Lease rows that were tried before and are due again, all tried equally often.

    A quarter of the batch for each earlier attempt (64, 16, 4, 1 of 256): a text that kills its
    worker drags ever fewer others with it.
    """
    statement = text(f"""
        WITH due AS (
          SELECT attempts FROM pending
          WHERE encoder = :encoder AND attempts > 0 AND attempts < :max_attempts AND {READY}
          ORDER BY not_before LIMIT 1),
        picked AS (
          SELECT space_id, owner_id FROM pending
          WHERE encoder = :encoder AND attempts > 0 AND {READY}
            AND attempts = (SELECT attempts FROM due)
          ORDER BY not_before
          LIMIT (SELECT greatest(1, CAST(:limit AS integer) >> (2 * attempts)) FROM due)
          FOR UPDATE SKIP LOCKED)
        UPDATE pending SET lease_token = :token, attempts = pending.attempts + 1,
               leased_until = now() + make_interval(secs => :lease_s)
        FROM picked
        WHERE pending.space_id = picked.space_id AND pending.owner_id = picked.owner_id
        RETURNING pending.space_id, pending.owner_id, pending.workspace_id, pending.input_hash,
                  pending.attempts
    """)
    facts = {
        "encoder": encoder,
        "limit": limit,
        "max_attempts": max_attempts,
        "token": token,
        "lease_s": lease_s,
    }
    return [LeasedRow(*row) for row in session.execute(statement, facts)]


def chunk_inputs(session: Session, chunk_ids: Sequence[int]) -> dict[int, ChunkInput]:
    """Return what to encode for each chunk that still exists."""
    statement = text("""
        SELECT c.id, v.title, c.heading_path, c.text
        FROM chunks c JOIN document_versions v
          ON v.document_id = c.document_id AND v.version = c.version
        WHERE c.id = ANY(:ids)
    """)
    rows = session.execute(statement, {"ids": list(chunk_ids)})
    return {row.id: ChunkInput(row.title, row.heading_path, row.text) for row in rows}


def lock_spaces(session: Session, space_ids: Sequence[int]) -> None:
    """Hold these spaces and their collections' others on their shelves until the transaction ends.

    The others too: an update that becomes complete needs them, and later would be out of order.
    """
    siblings = text("""
        SELECT s.id FROM spaces s WHERE s.id = ANY(:ids) OR s.collection_id IN (
          SELECT collection_id FROM spaces WHERE id = ANY(:ids))
    """)
    ids = session.execute(siblings, {"ids": sorted(set(space_ids))}).scalars().all()
    db.share_turn(session, db.Turn.SPACE, ids)
    session.execute(
        text("SELECT id FROM spaces WHERE id = ANY(:ids) ORDER BY id FOR SHARE"), {"ids": ids}
    )


def put_in_cache(
    session: Session, *, encoder: str, vectors: Mapping[Input, NDArray[np.float32]]
) -> None:
    """Remember each vector under its workspace and input; one already there stays."""
    statement = text("""
        INSERT INTO vector_cache (workspace_id, encoder, input_hash, vector)
        VALUES (:workspace_id, :encoder, :input_hash, :vector)
        ON CONFLICT (workspace_id, encoder, input_hash) DO UPDATE SET used_at = now()
    """).bindparams(bindparam("vector", type_=VECTOR))
    session.execute(
        statement,
        [
            {"workspace_id": w, "encoder": encoder, "input_hash": h, "vector": vectors[w, h]}
            # In key order: two workers that meet on the same inputs wait instead of deadlocking.
            for w, h in sorted(vectors)
        ],
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
    none. The chunks stay locked against deletion until the transaction ends.
    """
    statement = text("""
        WITH ready AS (
          SELECT s.shelf_id, s.id AS space_id, c.id, c.document_id, d.access, d.attributes,
                 v.vector, c.input_hash
          FROM chunks c
          JOIN documents d ON d.id = c.document_id AND d.live_generation = c.generation
          JOIN spaces s ON s.id = :space_id AND s.workspace_id = c.workspace_id
          JOIN vector_cache v ON v.workspace_id = c.workspace_id
           AND v.encoder = s.encoder || '@' || s.revision AND v.input_hash = c.input_hash
          WHERE c.id = ANY(:ids)
          ORDER BY c.id FOR KEY SHARE OF c)
        INSERT INTO embeddings (shelf_id, space_id, owner_id, document_id, access, attributes,
                                vector, input_hash)
        SELECT * FROM ready
        ON CONFLICT (shelf_id, space_id, owner_id) DO UPDATE
          SET vector = excluded.vector, input_hash = excluded.input_hash, encoded_at = now()
        RETURNING owner_id
    """)
    facts = {"space_id": space_id, "ids": list(chunk_ids)}
    return list(session.execute(statement, facts).scalars())


HAS_VECTOR = """
    SELECT FROM embeddings e WHERE e.shelf_id = s.shelf_id AND e.space_id = s.id
      AND e.owner_id = c.id AND e.input_hash = c.input_hash
"""
HAS_CACHED_VECTOR = """
    SELECT FROM vector_cache v WHERE v.workspace_id = c.workspace_id
      AND v.encoder = s.encoder || '@' || s.revision AND v.input_hash = c.input_hash
"""


def add_pending(
    session: Session, *, space_id: int, chunk_ids: Sequence[int], priority: int, is_live: bool
) -> list[int]:
    """Enter the chunks that lack a vector; a changed input starts over. Returns those that wait.

    A live chunk lacks one until it stands in the space: a vector that came into the cache a moment
    ago does not count. Others wait in the cache for their turn. A chunk with nothing to encode
    never waits.
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
    facts = {"space_id": space_id, "ids": list(chunk_ids), "priority": priority}
    return list(session.execute(statement, facts).scalars())


def settle(session: Session, *, token: uuid.UUID, rows: Sequence[LeasedRow]) -> int:
    """Remove rows whose vector is stored, if the lease is still ours and the input the same.

    A row given up for dead meanwhile goes too: its vector came late, but it came.
    """
    statement = text("""
        DELETE FROM pending p
        USING unnest(CAST(:spaces AS bigint[]), CAST(:owners AS bigint[]),
                     CAST(:hashes AS bytea[])) AS done (space_id, owner_id, input_hash)
        WHERE p.space_id = done.space_id AND p.owner_id = done.owner_id
          AND (p.lease_token = :token OR p.dead_at IS NOT NULL)
          AND p.input_hash = done.input_hash
    """)
    return session.execute(statement, _keys(rows) | {"token": token}).rowcount  # type: ignore[attr-defined, no-any-return]


def put_back(
    session: Session,
    *,
    token: uuid.UUID,
    rows: Sequence[LeasedRow],
    error: str,
    wait_s: float,
    max_attempts: int,
) -> None:
    """Return leased rows with the reason; past `max_attempts` they are set aside as dead."""
    statement = text("""
        UPDATE pending p SET last_error = :error, lease_token = NULL, leased_until = NULL,
               not_before = now() + make_interval(secs => :wait_s),
               dead_at = CASE WHEN p.attempts >= :max_attempts THEN now() END
        FROM unnest(CAST(:spaces AS bigint[]), CAST(:owners AS bigint[]),
                    CAST(:hashes AS bytea[])) AS failed (space_id, owner_id, input_hash)
        WHERE p.space_id = failed.space_id AND p.owner_id = failed.owner_id
          AND p.lease_token = :token AND p.input_hash = failed.input_hash
    """)
    facts = {
        "token": token,
        "error": error,
        "wait_s": wait_s,
        "max_attempts": max_attempts,
    }
    session.execute(statement, _keys(rows) | facts)


def bury_crashed(session: Session, *, max_attempts: int, reason: str) -> int:
    """Set aside rows whose every attempt ended with the worker's death; return how many."""
    statement = text("""
        UPDATE pending SET dead_at = now(), last_error = coalesce(last_error, :reason),
               lease_token = NULL, leased_until = NULL
        WHERE dead_at IS NULL AND attempts >= :max_attempts AND attempts > 0
          AND (leased_until IS NULL OR leased_until < now())
    """)
    return session.execute(statement, {"max_attempts": max_attempts, "reason": reason}).rowcount  # type: ignore[attr-defined, no-any-return]


def delete_unused_vectors(session: Session, *, days: int, limit: int) -> int:
    """Delete cached vectors that were not made or asked for in this time; return how many."""
    statement = text("""
        DELETE FROM vector_cache WHERE (workspace_id, encoder, input_hash) IN (
          SELECT workspace_id, encoder, input_hash FROM vector_cache
          WHERE used_at < now() - make_interval(days => :days) LIMIT :limit)
    """)
    return session.execute(statement, {"days": days, "limit": limit}).rowcount  # type: ignore[attr-defined, no-any-return]


def explain_wait(session: Session, *, encoder: str, reason: str, limit: int) -> None:
    """Note on an encoder's waiting rows why nobody works on them; their leases stay as they are."""
    statement = text(f"""
        UPDATE pending SET last_error = :reason WHERE (space_id, owner_id) IN (
          SELECT space_id, owner_id FROM pending WHERE encoder = :encoder AND {READY}
            AND last_error IS DISTINCT FROM :reason
          LIMIT :limit FOR UPDATE SKIP LOCKED)
    """)
    session.execute(statement, {"encoder": encoder, "reason": reason, "limit": limit})


def has_ready(session: Session) -> bool:
    """Say whether any row could be leased now."""
    return bool(
        session.execute(text(f"SELECT EXISTS (SELECT FROM pending WHERE {READY})")).scalar()
    )


def _keys(rows: Sequence[LeasedRow]) -> dict[str, object]:
    return {
        "spaces": [row.space_id for row in rows],
        "owners": [row.owner_id for row in rows],
        "hashes": [row.input_hash for row in rows],
    }
