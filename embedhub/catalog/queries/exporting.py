"""The SQL that reads a catalog as it was sent, page by page."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

ROWS = """
    SELECT i.id, i.user_id, u.external_id, m.external_id, i.type, i.value, i.happened_at,
           i.request_id
    FROM interactions i JOIN users u ON u.id = i.user_id JOIN items m ON m.id = i.item_id
    WHERE i.workspace_id = :workspace_id AND i.catalog_id = :catalog_id AND {which}
    ORDER BY i.user_id, i.happened_at, i.id LIMIT :limit
"""
OF_USERS = text(ROWS.format(which="i.user_id = ANY(:user_ids)"))
# One user alone: the index goes on where the page before ended, of however many.
OF_ONE = text(
    ROWS.format(
        which="i.user_id = :user_id AND (i.happened_at, i.id) > (:happened_at, :interaction_id)"
    )
)


@dataclass(frozen=True, slots=True)
class ExportedInteraction:
    """An interaction with our ids, and with the ids the caller knows."""

    id: int
    user_id: int
    user: str
    item: str
    type: str
    value: float
    time: datetime
    request_id: uuid.UUID | None


def users_after(
    session: Session, *, workspace_id: int, catalog_id: int, after: int, limit: int
) -> list[int]:
    """Return users of a catalog in the order of their ids, from the one behind `after` on."""
    statement = text("""
        SELECT id FROM users
        WHERE workspace_id = :workspace_id AND catalog_id = :catalog_id AND id > :after
        ORDER BY id LIMIT :limit
    """)
    facts = {
        "workspace_id": workspace_id, "catalog_id": catalog_id, "after": after, "limit": limit,
    }  # fmt: skip
    return list(session.execute(statement, facts).scalars())


def interactions_of(
    session: Session, *, workspace_id: int, catalog_id: int, user_ids: Sequence[int], limit: int
) -> list[ExportedInteraction]:
    """Return the first interactions of these users, each one's oldest first."""
    facts = {
        "workspace_id": workspace_id, "catalog_id": catalog_id, "user_ids": list(user_ids),
        "limit": limit,
    }  # fmt: skip
    return [ExportedInteraction(*row) for row in session.execute(OF_USERS, facts)]


def interactions_after(
    session: Session,
    *,
    workspace_id: int,
    catalog_id: int,
    last: ExportedInteraction,
    limit: int,
) -> list[ExportedInteraction]:
    """Return the next interactions of the same user."""
    facts = {
        "workspace_id": workspace_id, "catalog_id": catalog_id, "user_id": last.user_id,
        "happened_at": last.time, "interaction_id": last.id, "limit": limit,
    }  # fmt: skip
    return [ExportedInteraction(*row) for row in session.execute(OF_ONE, facts)]


def held_after(
    session: Session, *, workspace_id: int, catalog_id: int, after: int, limit: int
) -> list[ExportedInteraction]:
    """Return interactions that wait for their user or item, from the one behind `after` on."""
    statement = text("""
        SELECT id, 0, user_external_id, item_external_id, type, value, happened_at, request_id
        FROM held_interactions
        WHERE workspace_id = :workspace_id AND catalog_id = :catalog_id AND id > :after
        ORDER BY id LIMIT :limit
    """)
    facts = {
        "workspace_id": workspace_id, "catalog_id": catalog_id, "after": after, "limit": limit,
    }  # fmt: skip
    return [ExportedInteraction(*row) for row in session.execute(statement, facts)]
