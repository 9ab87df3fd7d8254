"""Items and users of a catalog: what a caller may rely on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.inputs import ItemInput, UserInput, refuse_repeats
from embedhub.catalog.queries import members as queries
from embedhub.catalog.service import find_catalog
from embedhub.catalog.storing import (
    Outcome,
    Stored,
    open_catalog,
    store_items,
    store_users,
    subject_of,
)
from embedhub.config import get_config
from embedhub.errors import NotFound, TooLarge
from embedhub.spaces.members import hold_catalog_spaces, remove_members
from embedhub.tables import Catalog, Item, User

__all__ = [
    "ItemView",
    "Outcome",
    "Stored",
    "Traces",
    "UserView",
    "delete_item",
    "delete_user",
    "get_item",
    "get_user",
    "list_items",
    "list_users",
    "refuse_too_many",
    "upsert_items",
    "upsert_users",
]


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item; `content` is the text that its fields make."""

    external_id: str
    fields: dict[str, Any]
    content: str
    categories: list[str]
    labels: list[str]
    attributes: dict[str, Any]
    is_hidden: bool
    available_from: datetime | None
    available_until: datetime | None
    source_version: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class UserView:
    """A user."""

    external_id: str
    attributes: dict[str, Any]
    text: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Traces:
    """What went with an item or user: interactions, impressions, interactions that waited."""

    n_interactions: int
    n_impressions: int
    n_held: int


def refuse_too_many(n_rows: int, field: str) -> None:
    """Raise TooLarge if a batch holds more than `max_batch_items`."""
    limit = get_config().max_batch_items
    if n_rows > limit:
        raise TooLarge(f"{n_rows:,} rows; at most {limit:,} are accepted", field)


def upsert_items(caller: Caller, slug: str, items: Sequence[ItemInput]) -> Stored:
    """Store items, all or none, and count the interactions that waited for them.

    Their words are found when it returns, their meaning when a worker has encoded them.
    """
    refuse_repeats(items, "items")

    def store() -> Stored:
        with db.writing() as session:
            return store_items(session, open_catalog(session, caller, slug), items)

    return db.retry_deadlocks(store)


def upsert_users(caller: Caller, slug: str, users: Sequence[UserInput]) -> Stored:
    """Store users, all or none, and count the interactions that waited for them."""
    refuse_repeats(users, "users")

    def store() -> Stored:
        with db.writing() as session:
            return store_users(session, open_catalog(session, caller, slug), users)

    return db.retry_deadlocks(store)


def get_item(caller: Caller, slug: str, external_id: str) -> ItemView:
    """Return an item; raises NotFound."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        item = queries.find(session, Item, **_place(catalog), external_id=external_id)
        if item is None:
            raise NotFound("item", external_id)
        return _item_view(item)


def get_user(caller: Caller, slug: str, external_id: str) -> UserView:
    """Return a user; raises NotFound."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        user = queries.find(session, User, **_place(catalog), external_id=external_id)
        if user is None:
            raise NotFound("user", external_id)
        return _user_view(user)


def list_items(caller: Caller, slug: str, *, after: str, limit: int) -> list[ItemView]:
    """Return items by external_id, from the one behind `after` on."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        rows = queries.list_after(session, Item, **_place(catalog), after=after, limit=limit)
        return [_item_view(row) for row in rows]


def list_users(caller: Caller, slug: str, *, after: str, limit: int) -> list[UserView]:
    """Return users by external_id, from the one behind `after` on."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        rows = queries.list_after(session, User, **_place(catalog), after=after, limit=limit)
        return [_user_view(row) for row in rows]


def delete_item(caller: Caller, slug: str, external_id: str) -> Traces:
    """Delete an item with everything about it in one transaction; raises NotFound."""
    return _delete(caller, slug, Item, external_id)


def delete_user(caller: Caller, slug: str, external_id: str) -> Traces:
    """Delete a user with all traces in one transaction; raises NotFound."""
    return _delete(caller, slug, User, external_id)


def _delete(caller: Caller, slug: str, table: type[Item] | type[User], external_id: str) -> Traces:
    caller.require_writing()

    def remove() -> Traces:
        with db.writing() as session:
            catalog = find_catalog(session, caller, slug)
            # Nobody keeps another interaction for it meanwhile.
            db.share_turn(session, db.Turn.CATALOG, [catalog.id])
            spaces = hold_catalog_spaces(session, catalog)
            ident = queries.hold(session, table, **_place(catalog), external_id=external_id)
            if ident is None:
                raise NotFound("item" if table is Item else "user", external_id)
            traces = queries.delete_traces(
                session, table, catalog_id=catalog.id, ident=ident, external_id=external_id
            )
            remove_members(session, spaces, subject_of(table), [ident])
            return Traces(**traces)

    return db.retry_deadlocks(remove)


def _place(catalog: Catalog) -> dict[str, int]:
    return {"workspace_id": catalog.workspace_id, "catalog_id": catalog.id}


def _item_view(item: Item) -> ItemView:
    return ItemView(**{name: getattr(item, name) for name in ItemView.__slots__})


def _user_view(user: User) -> UserView:
    return UserView(
        external_id=user.external_id,
        attributes=user.attributes,
        text=user.content,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )
