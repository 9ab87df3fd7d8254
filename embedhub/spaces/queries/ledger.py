"""The ledger's SQL: lease, read, store by comparing, forget, set aside."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
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


def release_leases(session: Session) -> int:
    """Let every leased row be leased again, its attempts still counted; return how many."""
    statement = text("""
        UPDATE pending SET lease_token = NULL, leased_until = NULL WHERE lease_token IS NOT NULL
    """)
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def bury_crashed(session: Session, *, max_attempts: int, reason: str) -> int:
    """Set aside rows whose every attempt ended with the worker's death; return how many."""
    statement = text("""
        UPDATE pending SET dead_at = now(), last_error = coalesce(last_error, :reason),
               lease_token = NULL, leased_until = NULL
        WHERE dead_at IS NULL AND attempts >= :max_attempts AND attempts > 0
          AND (leased_until IS NULL OR leased_until < now())
    """)
    return session.execute(statement, {"max_attempts": max_attempts, "reason": reason}).rowcount  # type: ignore[attr-defined, no-any-return]


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
