"""The SQL of what users did, and of what waits for a user or an item."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import func, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from embedhub.bulk_copy import (
    copy_rows,
    float8,
    foreign_keys_planned_once,
    int8,
    string,
    timestamp,
    uuid_field,
)
from embedhub.tables import HeldInteraction, Interaction, Item, User

Event = tuple[int, int, str, datetime, uuid.UUID | None]

SENT_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS sent_interactions
      (user_id bigint, item_id bigint, type text, value double precision,
       happened_at timestamptz, request_id uuid) ON COMMIT DELETE ROWS
"""
SENT_COLUMNS = ("user_id", "item_id", "type", "value", "happened_at", "request_id")
SENT_AS_JSON = """
    jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
      user_id bigint, item_id bigint, type text, value double precision, happened_at timestamptz,
      request_id uuid)
"""
STORE = """
    INSERT INTO interactions AS stored
      (workspace_id, catalog_id, user_id, item_id, type, value, happened_at, request_id)
    SELECT :workspace_id, :catalog_id, user_id, item_id, type, value, happened_at, request_id
    FROM {sent}
    ORDER BY user_id, item_id, type, happened_at, request_id
    ON CONFLICT (catalog_id, user_id, item_id, type, happened_at, request_id)
      DO UPDATE SET value = excluded.value WHERE stored.value <> excluded.value
    RETURNING user_id, item_id, type, happened_at, request_id, xmax = 0 AS is_new
"""
STORE_JSON = text(STORE.format(sent=SENT_AS_JSON))
STORE_COPIED = text(STORE.format(sent="sent_interactions"))
# Fewer rows are sent with the statement.
COPIED_FROM = 50
KEEP = text("""
    INSERT INTO held_interactions AS stored
      (workspace_id, catalog_id, user_external_id, item_external_id, type, value, happened_at,
       request_id)
    SELECT :workspace_id, :catalog_id, "user", item, type, value, time, request_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
      "user" text, item text, type text, value double precision, time timestamptz, request_id uuid)
    ON CONFLICT (catalog_id, item_external_id, user_external_id, type, happened_at, request_id)
      DO UPDATE SET value = excluded.value
""")
RELEASE = text("""
    WITH released AS (
      DELETE FROM held_interactions held USING users, items
      WHERE held.catalog_id = :catalog_id
        AND (held.item_external_id = ANY(:external_ids)
             OR held.user_external_id = ANY(:external_ids))
        AND users.catalog_id = :catalog_id AND users.external_id = held.user_external_id
        AND items.catalog_id = :catalog_id AND items.external_id = held.item_external_id
      RETURNING held.workspace_id, held.catalog_id, users.id AS user_id, items.id AS item_id,
                held.type, held.value, held.happened_at, held.request_id)
    INSERT INTO interactions
      (workspace_id, catalog_id, user_id, item_id, type, value, happened_at, request_id)
    SELECT workspace_id, catalog_id, user_id, item_id, type, value, happened_at, request_id
    FROM released
    ON CONFLICT DO NOTHING
    RETURNING 1
""")


def known(
    session: Session, table: type[Item] | type[User], *, catalog_id: int,
    external_ids: Sequence[str],
) -> dict[str, int]:  # fmt: skip
    """Return the ids of those that exist, which nobody deletes before the transaction ends."""
    # One parameter: a list of them cost as much as all else about an import.
    statement = text(f"""
        SELECT external_id, id FROM {table.__tablename__}
        WHERE catalog_id = :catalog_id AND external_id = ANY(:ids)
        ORDER BY id FOR KEY SHARE
    """)
    found = session.execute(statement, {"catalog_id": catalog_id, "ids": list(external_ids)})
    return {row[0]: row[1] for row in found}


def create_unknown(
    session: Session, table: type[Item] | type[User], *, workspace_id: int, catalog_id: int,
    external_ids: Sequence[str],
) -> None:  # fmt: skip
    """Add empty items or users under these ids, where there are none."""
    statement = text(f"""
        INSERT INTO {table.__tablename__} (workspace_id, catalog_id, external_id)
        SELECT :workspace_id, :catalog_id, id FROM unnest(CAST(:ids AS text[])) AS id ORDER BY id
        ON CONFLICT (catalog_id, external_id) DO NOTHING
    """)
    session.execute(
        statement,
        {"workspace_id": workspace_id, "catalog_id": catalog_id, "ids": list(external_ids)},
    )


@dataclass(frozen=True, slots=True)
class EventRow:
    """An interaction by our ids."""

    user_id: int
    item_id: int
    type: str
    value: float
    happened_at: datetime
    request_id: uuid.UUID | None

    @property
    def event(self) -> Event:
        """Return what makes it the same when it is sent again."""
        return self.user_id, self.item_id, self.type, self.happened_at, self.request_id


def store(
    session: Session, *, workspace_id: int, catalog_id: int, rows: Sequence[EventRow]
) -> dict[Event, bool]:
    """Store events, none twice; return whether each that changed is new."""
    facts: dict[str, object] = {"workspace_id": workspace_id, "catalog_id": catalog_id}
    statement = STORE_COPIED
    if len(rows) < COPIED_FROM:
        statement, facts["rows"] = STORE_JSON, orjson.dumps(rows).decode()
    else:
        _copy(session, rows)
    with foreign_keys_planned_once(session):
        found = session.execute(statement, facts).all()
    return {tuple(row[:5]): row[5] for row in found}


def _copy(session: Session, rows: Sequence[EventRow]) -> None:
    session.execute(text(SENT_TABLE))
    # Nothing, unless this transaction was here before.
    session.execute(text("DELETE FROM sent_interactions"))
    sent = (
        (
            int8(row.user_id),
            int8(row.item_id),
            string(row.type),
            float8(row.value),
            timestamp(row.happened_at),
            uuid_field(row.request_id),
        )
        for row in rows
    )
    copy_rows(session, "sent_interactions", SENT_COLUMNS, sent)


def count_held(session: Session, *, catalog_id: int, limit: int) -> int:
    """Return how many interactions of a catalog wait, looking at no more than `limit`."""
    some = select(HeldInteraction.id).where(HeldInteraction.catalog_id == catalog_id)
    return session.scalars(select(func.count()).select_from(some.limit(limit).subquery())).one()


def keep(session: Session, *, workspace_id: int, catalog_id: int, rows: str) -> None:
    """Let interactions wait for their user or item, a JSON list without repeats."""
    session.execute(KEEP, {"workspace_id": workspace_id, "catalog_id": catalog_id, "rows": rows})


def release(session: Session, *, catalog_id: int, external_ids: Sequence[str]) -> int:
    """Count what waited for one of these ids and has both now; return how many."""
    found = session.execute(RELEASE, {"catalog_id": catalog_id, "external_ids": list(external_ids)})
    return len(found.all())


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """An interaction with the ids the caller knows."""

    id: int
    user: str
    item: str
    type: str
    value: float
    time: datetime
    request_id: uuid.UUID | None


def list_interactions(
    session: Session,
    *,
    workspace_id: int,
    catalog_id: int,
    user_id: int,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[InteractionRow]:
    """Return what a user did, the latest first, from behind the place `before` on."""
    page = (
        select(Interaction)
        .where(
            Interaction.workspace_id == workspace_id,
            Interaction.catalog_id == catalog_id,
            Interaction.user_id == user_id,
        )
        .order_by(Interaction.happened_at.desc(), Interaction.id.desc())
        .limit(limit)
    )
    if before is not None:
        page = page.where(tuple_(Interaction.happened_at, Interaction.id) < before)
    # The page first: joined before, all events of one moment were looked up.
    row = aliased(Interaction, page.subquery())
    statement = (
        select(row, User.external_id.label("user"), Item.external_id.label("item"))
        .join(User, User.id == row.user_id)
        .join(Item, Item.id == row.item_id)
        .order_by(row.happened_at.desc(), row.id.desc())
    )
    return [
        InteractionRow(
            id=row.id,
            user=user,
            item=item,
            type=row.type,
            value=row.value,
            time=row.happened_at,
            request_id=row.request_id,
        )
        for row, user, item in session.execute(statement)
    ]
