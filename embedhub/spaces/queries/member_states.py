"""The SQL that tells how far the vectors of items and users are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.spaces.queries.members import OWNERS
from embedhub.tables import Space


@dataclass(frozen=True, slots=True)
class DeadMember:
    """An item or user whose vector could not be made, and why; `id` is its row's."""

    id: int
    kind: str
    external_id: str
    reason: str
    attempts: int
    dead_at: datetime


def dead_members(
    session: Session, *, workspace_id: int, catalog_id: int, after: int, limit: int
) -> list[DeadMember]:
    """Return items and users of a catalog whose row of the ledger is dead, by their ids."""
    statement = text("""
        SELECT p.owner_id, s.subject, coalesce(i.external_id, u.external_id),
               coalesce(p.last_error, ''), p.attempts, p.dead_at
        FROM spaces s JOIN pending p ON p.space_id = s.id AND p.dead_at IS NOT NULL
        LEFT JOIN items i ON s.subject = 'item' AND i.id = p.owner_id
        LEFT JOIN users u ON s.subject = 'user' AND u.id = p.owner_id
        WHERE s.workspace_id = :workspace_id AND s.catalog_id = :catalog_id
          AND p.owner_id > :after AND coalesce(i.id, u.id) IS NOT NULL
        ORDER BY p.owner_id LIMIT :limit
    """)
    facts = {
        "workspace_id": workspace_id,
        "catalog_id": catalog_id,
        "after": after,
        "limit": limit,
    }
    return [DeadMember(*row) for row in session.execute(statement, facts)]


def indexing_states(
    session: Session, *, space_ids: Sequence[int], subject: str, catalog_id: int,
    external_ids: Sequence[str],
) -> list[tuple[str, bool, str | None]]:  # fmt: skip
    """Return of items (or users): the caller's id, whether its vector waits, why it has none."""
    statement = text(f"""
        SELECT m.external_id,
               coalesce(bool_or(p.owner_id IS NOT NULL AND p.dead_at IS NULL), false),
               max(coalesce(p.last_error, '')) FILTER (WHERE p.dead_at IS NOT NULL)
        FROM {OWNERS[subject]} m
        LEFT JOIN pending p ON p.owner_id = m.id AND p.space_id = ANY(:space_ids)
        WHERE m.catalog_id = :catalog_id AND m.external_id = ANY(:external_ids)
        GROUP BY m.external_id ORDER BY m.external_id
    """)
    facts = {
        "space_ids": list(space_ids),
        "catalog_id": catalog_id,
        "external_ids": list(external_ids),
    }
    return [(name, waits, why) for name, waits, why in session.execute(statement, facts)]


@dataclass(frozen=True, slots=True)
class ContentCounts:
    """How far the vectors of a catalog's items and users are."""

    n_embedded: int
    n_pending: int
    n_dead: int


def count_content(session: Session, spaces: Sequence[Space]) -> ContentCounts:
    """Count the vectors in these dense spaces, and what is pending or dead."""
    n_embedded = 0
    for space in spaces:
        statement = text(
            "SELECT count(*) FROM embeddings WHERE shelf_id = :shelf_id AND space_id = :space_id"
        )
        facts = {"shelf_id": space.shelf_id, "space_id": space.id}
        n_embedded += int(session.execute(statement, facts).scalar_one())
    statement = text("""
        SELECT count(*) FILTER (WHERE dead_at IS NULL), count(*) FILTER (WHERE dead_at IS NOT NULL)
        FROM pending WHERE space_id = ANY(:ids)
    """)
    n_pending, n_dead = session.execute(statement, {"ids": [space.id for space in spaces]}).one()
    return ContentCounts(n_embedded, n_pending, n_dead)
