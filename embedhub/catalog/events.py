"""Storing what users did in the caller's transaction: once an event, by the catalog's policies."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

import orjson
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.catalog.checks import Unknown
from embedhub.catalog.inputs import InteractionInput
from embedhub.catalog.queries import interactions as queries
from embedhub.catalog.queries.interactions import EventRow
from embedhub.config import get_config
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

    def has_all(self, sent: Iterable[InteractionInput]) -> bool:
        """Return whether every user and item is known."""
        return all(each.user in self.users and each.item in self.items for each in sent)


NOBODY = _Known({}, {})


def take(
    session: Session, catalog: Catalog, sent: Sequence[InteractionInput]
) -> list[TakenInteraction]:
    """Store interactions of a catalog and return what became of each, in order.

    An event sent again counts once; its last value counts.
    """
    known = _look_up(session, catalog, sent)
    if known.has_all(sent):
        counted = {_key(each): each for each in sent}
        changed = _count(session, catalog, known, list(counted.values()))
        return [TakenInteraction(_outcome(changed, _key(each))) for each in sent]
    return _take_unknown(session, catalog, sent, known)


def _take_unknown(
    session: Session, catalog: Catalog, sent: Sequence[InteractionInput], known: _Known
) -> list[TakenInteraction]:
    if any(known.lacks(each, catalog, Unknown.HOLD) for each in sent):
        # Whoever sends the missing one either comes first, or finds what waits for it.
        db.take_turn(session, db.Turn.CATALOG, catalog.id)
        known = _look_up(session, catalog, sent, known)
    refused = [known.lacks(each, catalog, Unknown.REJECT) for each in sent]
    taken_on = [each for each, why in zip(sent, refused, strict=True) if not why]
    if _create(session, catalog, known, taken_on):
        known = _look_up(session, catalog, sent, known)
    missing = [known.lacks(each, catalog, Unknown.HOLD) for each in sent]
    room = _room(session, catalog) if any(missing) else 0
    held: dict[Key, InteractionInput] = {}
    counted: dict[Key, InteractionInput] = {}
    taken: list[TakenInteraction | None] = []
    for each, why, lacking in zip(sent, refused, missing, strict=True):
        if why:
            taken.append(TakenInteraction(Taken.REJECTED, f"unknown {why}"))
        elif lacking:
            if _key(each) not in held and len(held) >= room:
                taken.append(TakenInteraction(Taken.REJECTED, "too many interactions wait"))
                continue
            held[_key(each)] = each
            taken.append(TakenInteraction(Taken.HELD, f"unknown {lacking}"))
        else:
            counted[_key(each)] = each
            taken.append(None)
    _keep(session, catalog, list(held.values()))
    changed = _count(session, catalog, known, list(counted.values()))
    return [
        outcome or TakenInteraction(_outcome(changed, _key(each)))
        for each, outcome in zip(sent, taken, strict=True)
    ]


def _look_up(
    session: Session,
    catalog: Catalog,
    sent: Iterable[InteractionInput],
    before: _Known = NOBODY,
) -> _Known:
    """Return who is known, of those not known before looked up now."""
    users = {each.user for each in sent} - before.users.keys()
    items = {each.item for each in sent} - before.items.keys()
    found = (
        queries.known(session, table, catalog_id=catalog.id, external_ids=sorted(names))
        if names
        else {}
        for table, names in ((User, users), (Item, items))
    )
    return _Known(before.users | next(found), before.items | next(found))


def _create(
    session: Session, catalog: Catalog, known: _Known, sent: Sequence[InteractionInput]
) -> bool:
    """Add the unknown users and items of these that the policies have created; say if any."""
    is_any = False
    for table, policy, names in (
        (User, catalog.unknown_users, {each.user for each in sent} - known.users.keys()),
        (Item, catalog.unknown_items, {each.item for each in sent} - known.items.keys()),
    ):
        if policy == Unknown.CREATE and names:
            is_any = True
            queries.create_unknown(
                session,
                table,
                workspace_id=catalog.workspace_id,
                catalog_id=catalog.id,
                external_ids=sorted(names),
            )
    return is_any


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
        EventRow(
            known.users[each.user],
            known.items[each.item],
            each.type,
            each.value,
            each.time,
            each.request_id,
        )
        for each in counted
    ]
    changed = queries.store(
        session, workspace_id=catalog.workspace_id, catalog_id=catalog.id, rows=rows
    )
    return {
        _key(each): changed[row.event]
        for each, row in zip(counted, rows, strict=True)
        if row.event in changed
    }


def _outcome(changed: dict[Key, bool], key: Key) -> Taken:
    # Of an event that a batch repeats the first one tells; the others change nothing.
    is_new = changed.pop(key, None)
    if is_new is None:
        return Taken.UNCHANGED
    return Taken.CREATED if is_new else Taken.UPDATED


def _key(each: InteractionInput) -> Key:
    return each.user, each.item, each.type, each.time, each.request_id
