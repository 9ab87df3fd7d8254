"""Catalogs, and what tests put into them."""

from typing import Any

from embedhub.access.caller import Caller
from embedhub.catalog.inputs import parse_item, parse_user
from embedhub.catalog.interactions import TakenInteraction, add_interactions
from embedhub.catalog.members import upsert_items, upsert_users
from embedhub.catalog.service import CatalogInput, CatalogView, create_catalog


def make_catalog(caller: Caller, slug: str = "films", **fields: Any) -> CatalogView:
    """Create a catalog."""
    return create_catalog(caller, CatalogInput(slug=slug, **fields))


def send_items(caller: Caller, *items: dict[str, Any], slug: str = "films") -> list[str]:
    """Store items and return what became of each."""
    parsed = [parse_item(raw, f"items.{n}") for n, raw in enumerate(items)]
    return [outcome for _, outcome in upsert_items(caller, slug, parsed).outcomes]


def send_users(caller: Caller, *users: dict[str, Any], slug: str = "films") -> list[str]:
    """Store users and return what became of each."""
    parsed = [parse_user(raw, f"users.{n}") for n, raw in enumerate(users)]
    return [outcome for _, outcome in upsert_users(caller, slug, parsed).outcomes]


def act(caller: Caller, *events: dict[str, Any], slug: str = "films") -> list[TakenInteraction]:
    """Store interactions; views of item "m1" by user "u1" where nothing else is said."""
    given = [{"user": "u1", "item": "m1", "type": "view", **event} for event in events]
    return add_interactions(caller, slug, given)


def add_members(caller: Caller, slug: str, external_id: str) -> None:
    """Add a user and an item of this id, and a view."""
    send_items(caller, {"external_id": external_id, "fields": {"title": "a film"}}, slug=slug)
    send_users(caller, {"external_id": external_id, "text": "likes films"}, slug=slug)
    act(caller, {"user": external_id, "item": external_id}, slug=slug)
