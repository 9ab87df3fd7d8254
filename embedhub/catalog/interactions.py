"""What users did with items: what a caller may rely on."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

import orjson
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.checks import Unknown
from embedhub.catalog.inputs import InteractionInput, parse_interaction
from embedhub.catalog.queries import interactions as queries
from embedhub.catalog.queries import members
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import NotFound, TooLarge
from embedhub.tables import Catalog, Item, User

# Who did what with which item, when, and led there by which list: the same event counts once.
Key = tuple[str, str, str, datetime, uuid.UUID | None]


class Taken(StrEnum):
    """What became of an interaction that was sent."""

    CREATED = "created"
    UPDATED = "updated"  # there was this event with another value
    UNCHANGED = "unchanged"
    HELD = "held"  # waits for its user or item to be sent
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class TakenInteraction:
    """What became of one interaction, and why if it does not count."""

    outcome: Taken
    reason: str | None = None


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
            return _store(session, catalog, sent)

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


def release_held(session: Session, catalog: Catalog, external_ids: Sequence[str]) -> int:
    """Count the interactions that waited for these new users or items; return how many."""
    return queries.release(session, catalog_id=catalog.id, external_ids=external_ids)


@dataclass(slots=True)
class _Known:
    """The ids of the users and items of a batch, as far as there are any."""

    users: dict[str, int]
    items: dict[str, int]

    def lacks(self, each: InteractionInput, catalog: Catalog, policy: Unknown) -> str | None:
        """Return what of an interaction is unknown and goes by this policy: user, item or None."""
        if each.user not in self.users and catalog.unknown_users == policy:
            return "user"
        if each.item not in self.items and catalog.unknown_items == policy:
            return "item"
        return None


def _store(
    session: Session, catalog: Catalog, sent: Sequence[InteractionInput]
) -> list[TakenInteraction]:
    known = _look_up(session, catalog, sent)
    if any(known.lacks(each, catalog, Unknown.HOLD) for each in sent):
        # Whoever sends the missing one either comes first, or finds what waits for it.
        db.take_turn(session, db.Turn.CATALOG, catalog.id)
        known = _look_up(session, catalog, sent)
    refused = [known.lacks(each, catalog, Unknown.REJECT) for each in sent]
    _create(session, catalog, [each for each, why in zip(sent, refused, strict=True) if not why])
    known = _look_up(session, catalog, sent)
    room = _room(session, catalog)
    held: dict[Key, InteractionInput] = {}
    counted: dict[Key, InteractionInput] = {}
    taken: list[TakenInteraction | None] = []
    for each, why in zip(sent, refused, strict=True):
        if why:
            taken.append(TakenInteraction(Taken.REJECTED, f"unknown {why}"))
        elif missing := known.lacks(each, catalog, Unknown.HOLD):
            if _key(each) not in held and len(held) >= room:
                taken.append(TakenInteraction(Taken.REJECTED, "too many interactions wait"))
                continue
            held[_key(each)] = each
            taken.append(TakenInteraction(Taken.HELD, f"unknown {missing}"))
        else:
            counted[_key(each)] = each
            taken.append(None)
    _keep(session, catalog, list(held.values()))
    changed = _count(session, catalog, known, list(counted.values()))
    return [
        outcome or TakenInteraction(_outcome(changed, _key(each)))
        for each, outcome in zip(sent, taken, strict=True)
    ]


def _look_up(session: Session, catalog: Catalog, sent: Sequence[InteractionInput]) -> _Known:
    return _Known(
        queries.known(
            session, User, catalog_id=catalog.id, external_ids=sorted({e.user for e in sent})
        ),
        queries.known(
            session, Item, catalog_id=catalog.id, external_ids=sorted({e.item for e in sent})
        ),
    )


def _create(session: Session, catalog: Catalog, sent: Sequence[InteractionInput]) -> None:
    """Add the unknown users and items of these that the policies have created."""
    for table, policy, names in (
        (User, catalog.unknown_users, {each.user for each in sent}),
        (Item, catalog.unknown_items, {each.item for each in sent}),
    ):
        if policy == Unknown.CREATE and names:
            queries.create_unknown(
                session,
                table,
                workspace_id=catalog.workspace_id,
                catalog_id=catalog.id,
                external_ids=sorted(names),
            )


def _room(session: Session, catalog: Catalog) -> int:
    limit = get_config().max_held_interactions
    return limit - queries.count_held(session, catalog_id=catalog.id, limit=limit)


def _keep(session: Session, catalog: Catalog, held: list[InteractionInput]) -> None:
    if held:
        queries.keep(
            session,
            workspace_id=catalog.workspace_id,
            catalog_id=catalog.id,
            rows=orjson.dumps([asdict(each) for each in held]).decode(),
        )


def _count(
    session: Session, catalog: Catalog, known: _Known, counted: list[InteractionInput]
) -> dict[Key, bool]:
    """Store these and return, of what changed, whether it is new."""
    rows = [
        {
            "user_id": known.users[each.user],
            "item_id": known.items[each.item],
            "type": each.type,
            "value": each.value,
            "happened_at": each.time,
            "request_id": each.request_id,
        }
        for each in counted
    ]
    changed = queries.store(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        rows=orjson.dumps(rows).decode(),
    )
    return {
        _key(each): changed[event]
        for each, row in zip(counted, rows, strict=True)
        if (event := tuple(row[name] for name in EVENT)) in changed
    }


EVENT = ("user_id", "item_id", "type", "happened_at", "request_id")


def _outcome(changed: dict[Key, bool], key: Key) -> Taken:
    # Of an event that a batch repeats the first one tells; the others change nothing.
    is_new = changed.pop(key, None)
    if is_new is None:
        return Taken.UNCHANGED
    return Taken.CREATED if is_new else Taken.UPDATED


def _key(each: InteractionInput) -> Key:
    return each.user, each.item, each.type, each.time, each.request_id
