"""The SQL of searching items: what stands beside the index, and what a hit shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from embedhub.tables import Item


@dataclass(frozen=True, slots=True)
class CatalogState:
    """What a catalog's index does not say all by itself."""

    # items still wait for their vectors; dead ones are not waited for
    has_pending: bool
    # an item is hidden, or has a time when it may be shown
    has_restricted: bool


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item, as far as a hit shows it."""

    id: int
    external_id: str
    fields: dict[str, Any]
    content: str
    categories: list[str]
    labels: list[str]
    attributes: dict[str, Any]


def catalog_state(session: Session, *, catalog_id: int, dense_space_id: int | None) -> CatalogState:
    """Return whether vectors are missing, and whether each item has to be asked if it shows."""
    statement = text("""
        SELECT EXISTS (SELECT FROM pending WHERE space_id = :space_id AND dead_at IS NULL),
               EXISTS (SELECT FROM items WHERE catalog_id = :catalog_id
                       AND (is_hidden OR available_from IS NOT NULL
                            OR available_until IS NOT NULL))
    """)
    facts = {"catalog_id": catalog_id, "space_id": dense_space_id}
    return CatalogState(*session.execute(statement, facts).one())


def shown_items(
    session: Session, *, workspace_id: int, catalog_id: int, item_ids: Sequence[int]
) -> dict[int, ShownItem]:
    """Return those of the items that may be shown now, by id; asked of the items themselves."""
    now = func.now()
    statement = select(
        Item.id,
        Item.external_id,
        Item.fields,
        Item.content,
        Item.categories,
        Item.labels,
        Item.attributes,
    ).where(
        Item.id.in_(item_ids),
        Item.workspace_id == workspace_id,
        Item.catalog_id == catalog_id,
        ~Item.is_hidden,
        or_(Item.available_from.is_(None), Item.available_from <= now),
        or_(Item.available_until.is_(None), Item.available_until > now),
    )
    return {row.id: ShownItem(*row) for row in session.execute(statement)}
