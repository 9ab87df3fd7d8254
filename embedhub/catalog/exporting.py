"""A catalog as it was sent: every item, user or interaction, to be imported again anywhere.

Page by page, each a snapshot of its own: however long it is, no connection is held meanwhile.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.lines import Kind
from embedhub.catalog.members import list_items, list_users
from embedhub.catalog.queries import exporting as queries
from embedhub.catalog.queries.exporting import ExportedInteraction
from embedhub.catalog.service import find_catalog
from embedhub.catalog.storing import place_of

ROWS_AT_ONCE = 1_000
INTERACTIONS_AT_ONCE = 5_000
USERS_AT_ONCE = 200
ITEM_FIELDS = (
    "external_id",
    "fields",
    "categories",
    "labels",
    "attributes",
    "is_hidden",
    "available_from",
    "available_until",
    "source_version",
)
USER_FIELDS = ("external_id", "attributes", "text")
INTERACTION_FIELDS = ("user", "item", "type", "value", "time", "request_id")


def export_rows(caller: Caller, slug: str, kind: Kind) -> Iterator[Sequence[dict[str, Any]]]:
    """Return all rows of a kind page by page, as an import takes them; raises NotFound at once.

    Interactions come with those that wait for their user or item.
    """
    caller.require("read")
    with db.reading() as session:
        place = place_of(find_catalog(session, caller, slug))
    match kind:
        case Kind.ITEMS:
            return _items(caller, slug)
        case Kind.USERS:
            return _users(caller, slug)
        case Kind.INTERACTIONS:
            return _interactions(place)


def _items(caller: Caller, slug: str) -> Iterator[Sequence[dict[str, Any]]]:
    after = ""
    while rows := list_items(caller, slug, after=after, limit=ROWS_AT_ONCE):
        yield [_told(row, ITEM_FIELDS) for row in rows]
        after = rows[-1].external_id


def _users(caller: Caller, slug: str) -> Iterator[Sequence[dict[str, Any]]]:
    after = ""
    while rows := list_users(caller, slug, after=after, limit=ROWS_AT_ONCE):
        yield [_told(row, USER_FIELDS) for row in rows]
        after = rows[-1].external_id


def _interactions(place: dict[str, int]) -> Iterator[Sequence[dict[str, Any]]]:
    after = 0
    while user_ids := _next_users(place, after):
        for rows in _of_users(place, user_ids):
            yield [_told(row, INTERACTION_FIELDS) for row in rows]
        after = user_ids[-1]
    after = 0
    while rows := _next_held(place, after):
        yield [_told(row, INTERACTION_FIELDS) for row in rows]
        after = rows[-1].id


def _of_users(
    place: dict[str, int], user_ids: Sequence[int]
) -> Iterator[Sequence[ExportedInteraction]]:
    while user_ids:
        with db.reading() as session:
            rows = queries.interactions_of(
                session, **place, user_ids=user_ids, limit=INTERACTIONS_AT_ONCE
            )
        yield rows
        if len(rows) < INTERACTIONS_AT_ONCE:
            return
        last = rows[-1]
        while rows:
            with db.reading() as session:
                rows = queries.interactions_after(
                    session, **place, last=last, limit=INTERACTIONS_AT_ONCE
                )
            yield rows
            last = rows[-1] if rows else last
        user_ids = [user_id for user_id in user_ids if user_id > last.user_id]


def _next_users(place: dict[str, int], after: int) -> list[int]:
    with db.reading() as session:
        return queries.users_after(session, **place, after=after, limit=USERS_AT_ONCE)


def _next_held(place: dict[str, int], after: int) -> list[ExportedInteraction]:
    with db.reading() as session:
        return queries.held_after(session, **place, after=after, limit=ROWS_AT_ONCE)


def _told(row: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
