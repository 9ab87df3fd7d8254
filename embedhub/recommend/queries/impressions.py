"""The SQL of what was shown."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from embedhub.direct import Question, conversation
from embedhub.tables import Impression

# A user or item deleted since the list was made is left out, and a page asked for again is what
# was shown last.
SHOW = b"""
    INSERT INTO impressions (request_id, position, workspace_id, catalog_id, user_id, item_id,
                             placement, variant, score)
    SELECT %(request_id)s, shown.position, %(workspace_id)s, %(catalog_id)s, users.id, items.id,
           %(placement)s, %(variant)s, shown.score
    FROM unnest(CAST(%(positions)s AS integer[]), CAST(%(item_ids)s AS bigint[]),
                CAST(%(scores)s AS float8[])) AS shown(position, item_id, score)
    JOIN items ON items.id = shown.item_id AND items.catalog_id = %(catalog_id)s
    LEFT JOIN users ON users.id = CAST(%(user_id)s AS bigint)
    WHERE CAST(%(user_id)s AS bigint) IS NULL OR users.id IS NOT NULL
    ORDER BY shown.item_id
    ON CONFLICT (request_id, position) DO UPDATE
      SET item_id = excluded.item_id, score = excluded.score, shown_at = now()
      WHERE impressions.catalog_id = excluded.catalog_id
"""
HASTY = Question(b"SET LOCAL synchronous_commit = off", {}, len)
SHOWN = (
    select(Impression.item_id)
    .where(
        Impression.request_id == bindparam("request_id"),
        Impression.workspace_id == bindparam("workspace_id"),
        Impression.catalog_id == bindparam("catalog_id"),
        Impression.position <= bindparam("up_to"),
    )
    .order_by(Impression.position)
)


class Show(NamedTuple):
    """A page that was shown: `items` are position, item and score."""

    request_id: uuid.UUID
    workspace_id: int
    catalog_id: int
    user_id: int | None
    placement: str
    variant: str
    items: Sequence[tuple[int, int, float]]


def insert(session: Session, show: Show) -> None:
    """Keep what was shown, without waiting for the disk: a crash may cost the last few counts."""
    positions, item_ids, scores = zip(*show.items, strict=True)
    facts = show._asdict() | {
        "positions": list(positions), "item_ids": list(item_ids), "scores": list(scores),
    }  # fmt: skip
    del facts["items"]
    with conversation(session) as send:
        send(HASTY)
        send(Question(SHOW, facts, len))


def shown(
    session: Session, request_id: uuid.UUID, *, workspace_id: int, catalog_id: int, up_to: int
) -> list[int]:
    """Return the items of a list up to a position, in their order."""
    facts = {
        "request_id": request_id, "workspace_id": workspace_id, "catalog_id": catalog_id,
        "up_to": up_to,
    }  # fmt: skip
    return list(session.scalars(SHOWN, facts))


def delete_old(session: Session, *, days: int, limit: int) -> int:
    """Delete up to so many impressions that are older; return how many."""
    statement = text("""
        DELETE FROM impressions WHERE ctid = ANY(ARRAY(
          SELECT old.ctid FROM catalogs CROSS JOIN LATERAL (
            SELECT ctid FROM impressions
            WHERE catalog_id = catalogs.id AND shown_at < now() - make_interval(days => :days)
            ORDER BY shown_at LIMIT :limit) AS old
          LIMIT :limit)) RETURNING 1
    """)
    return len(session.execute(statement, {"days": days, "limit": limit}).all())
