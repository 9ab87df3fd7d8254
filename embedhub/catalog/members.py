"""Items and users of a catalog: what a caller may rely on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.inputs import ItemInput, UserInput, content_of, hash_of, refuse_repeats
from embedhub.catalog.interactions import release_held
from embedhub.catalog.queries import members as queries
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import NotFound, TooLarge
from embedhub.tables import Catalog, Item, User


class Outcome(StrEnum):
    """What became of an item or user that was sent."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"  # older than what is stored, by source_version


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch, in its order, and how many interactions had waited for it."""

    outcomes: list[tuple[str, Outcome]]
    n_released: int


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
    """Store items, all or none, and count the interactions that waited for them."""
    refuse_repeats(items, "items")

    def store() -> Stored:
        with db.writing() as session:
            catalog = _open(session, caller, slug)
            rows = []
            for place, item in enumerate(items):
                content = content_of(catalog.content_template, item, f"items.{place}")
                rows.append({**asdict(item), "content": content, "input_hash": hash_of(content)})
            changed = _upsert(session, Item, catalog, rows)
            sent = {
                item.external_id: item.source_version
                for item in items
                if item.external_id not in changed and item.source_version is not None
            }
            kept = queries.source_versions(
                session,
                workspace_id=catalog.workspace_id,
                catalog_id=catalog.id,
                external_ids=list(sent),
            )
            stale = {key for key, version in kept.items() if version and version > sent[key]}
            return _stored(session, catalog, [i.external_id for i in items], changed, stale)

    return db.retry_deadlocks(store)


def upsert_users(caller: Caller, slug: str, users: Sequence[UserInput]) -> Stored:
    """Store users, all or none, and count the interactions that waited for them."""
    refuse_repeats(users, "users")
    rows = [
        {
            "external_id": user.external_id,
            "attributes": user.attributes,
            "content": user.text,
            "input_hash": hash_of(user.text),
        }
        for user in users
    ]

    def store() -> Stored:
        with db.writing() as session:
            catalog = _open(session, caller, slug)
            changed = _upsert(session, User, catalog, rows)
            return _stored(session, catalog, [u.external_id for u in users], changed, set())

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
            ident = queries.hold(session, table, **_place(catalog), external_id=external_id)
            if ident is None:
                raise NotFound("item" if table is Item else "user", external_id)
            return Traces(
                **queries.delete_traces(
                    session, table, catalog_id=catalog.id, ident=ident, external_id=external_id
                )
            )

    return db.retry_deadlocks(remove)


def _open(session: Session, caller: Caller, slug: str) -> Catalog:
    """Return the catalog to add to: neither its template nor who waits changes meanwhile."""
    caller.require_writing()
    catalog = find_catalog(session, caller, slug)
    db.share_turn(session, db.Turn.CATALOG, [catalog.id])
    return find_catalog(session, caller, slug)


def _upsert(
    session: Session, table: type[Item] | type[User], catalog: Catalog, rows: list[dict[str, Any]]
) -> dict[str, bool]:
    return queries.upsert(session, table, **_place(catalog), rows=orjson.dumps(rows).decode())


def _stored(
    session: Session,
    catalog: Catalog,
    external_ids: list[str],
    changed: dict[str, bool],
    stale: set[str],
) -> Stored:
    new = [external_id for external_id, is_new in changed.items() if is_new]
    n_released = release_held(session, catalog, new) if new else 0
    outcomes = []
    for external_id in external_ids:
        if external_id in changed:
            outcome = Outcome.CREATED if changed[external_id] else Outcome.UPDATED
        else:
            outcome = Outcome.STALE if external_id in stale else Outcome.UNCHANGED
        outcomes.append((external_id, outcome))
    return Stored(outcomes, n_released)


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
