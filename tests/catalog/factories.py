"""Catalogs, and what tests put into them."""

from typing import Any

from embedhub.access.caller import Caller
from embedhub.catalog.service import CatalogInput, CatalogView, create_catalog


def make_catalog(caller: Caller, slug: str = "films", **fields: Any) -> CatalogView:
    """Create a catalog."""
    return create_catalog(caller, CatalogInput(slug=slug, **fields))
