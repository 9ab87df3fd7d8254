"""What users did with items: what a caller may rely on."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.events import Taken, TakenInteraction, take
from embedhub.catalog.inputs import parse_interaction
from embedhub.catalog.queries import interactions as queries
from embedhub.catalog.queries import members
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import NotFound, TooLarge
from embedhub.tables import User

__all__ = [
    "History",
    "InteractionView",
    "Taken",
    "TakenInteraction",
    "add_interactions",
    "list_interactions",
]


@dataclass(frozen=True, slots=True)
class InteractionView:
    """Something a user did; `weight` is what it counts: the type's weight times the value."""

    user: str
    item: str
    type: str
    value: float
    weight: float
    time: datetime
    request_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class History:
    """A page of what a user did, the latest first, and where the next one begins."""

    interactions: list[InteractionView]
    after: tuple[datetime, int] | None


def add_interactions(caller: Caller, slug: str, raw: Sequence[object]) -> list[TakenInteraction]:
    """Store a batch of decoded interactions and return what became of each, in its order.

    Raises InvalidInput or TooLarge naming the path, and then nothing is stored. An event sent again
    counts once; its last value counts. What is unknown goes by the catalog's policies.
    """
    caller.require_writing()
    limit = get_config().max_batch_interactions
    if len(raw) > limit:
        raise TooLarge(f"{len(raw):,} rows; at most {limit:,} are accepted", "interactions")
    now = datetime.now(UTC)

    def store() -> list[TakenInteraction]:
        with db.writing() as session:
            catalog = find_catalog(session, caller, slug)
            sent = [
                parse_interaction(
                    each, f"interactions.{n}", types=catalog.interaction_weights, now=now
                )
                for n, each in enumerate(raw)
            ]
            return take(session, catalog, sent)

    return db.retry_deadlocks(store)


def list_interactions(
    caller: Caller, slug: str, user: str, *, before: tuple[datetime, int] | None, limit: int
) -> History:
    """Return what a user did, the latest first; raises NotFound."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        place = {"workspace_id": catalog.workspace_id, "catalog_id": catalog.id}
        found = members.find(session, User, **place, external_id=user)
        if found is None:
            raise NotFound("user", user)
        rows = queries.list_interactions(
            session, **place, user_id=found.id, before=before, limit=limit + 1
        )
    views = [
        InteractionView(
            user=row.user,
            item=row.item,
            type=row.type,
            value=row.value,
            weight=catalog.interaction_weights.get(row.type, 0.0) * row.value,
            time=row.time,
            request_id=row.request_id,
        )
        for row in rows[:limit]
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return History(views, None if last is None else (last.time, last.id))
