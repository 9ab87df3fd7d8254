"""Items taken out of lists and searches by a decision, and shown again; nothing else changes."""

from dataclasses import replace

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.catalog.inputs import ItemInput
from embedhub.catalog.queries import catalogs
from embedhub.catalog.queries import members as queries
from embedhub.catalog.storing import store_items
from embedhub.errors import NotFound
from embedhub.tables import Catalog, Item


def set_hidden(session: Session, *, catalog_id: int, external_id: str, is_hidden: bool) -> bool:
    """Hide an item, or show it again, in the caller's transaction; False if it is so already.

    Raises NotFound for an item or catalog that is gone.
    """
    db.share_turn(session, db.Turn.CATALOG, [catalog_id])
    catalog = session.get(Catalog, catalog_id)
    if catalog is None or catalogs.is_deleted(session, catalog_id):
        raise NotFound("catalog", catalog_id)
    item = queries.find(
        session,
        Item,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog_id,
        external_id=external_id,
    )
    if item is None:
        raise NotFound("item", external_id)
    if item.is_hidden == is_hidden:
        return False
    changed = replace(_input_of(item), is_hidden=is_hidden)
    store_items(session, catalog, [changed], contents=[item.content])
    return True


def _input_of(item: Item) -> ItemInput:
    return ItemInput(
        external_id=item.external_id,
        fields=dict(item.fields),
        categories=tuple(item.categories),
        labels=tuple(item.labels),
        attributes=dict(item.attributes),
        is_hidden=item.is_hidden,
        available_from=item.available_from,
        available_until=item.available_until,
        source_version=None,
    )
