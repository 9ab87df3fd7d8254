"""What a catalog gives to train on, read in one snapshot; and what training may choose from."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from embedhub import db
from embedhub.catalog.service import content_space
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.recommend.interactions import Floats
from embedhub.recommend.training import Plan
from embedhub.recommend.training_run.events import CatalogEvents, read_events
from embedhub.recommend.training_run.queries import storing as queries
from embedhub.spaces.vectors import read_vectors

# Beyond, texts are no source of scores: their vectors as float64 would not fit beside the rest.
MAX_CONTENT_BYTES = 800_000_000
# Weights that a source of neighbours keeps: what is stored, and read by lists, is bounded.
KEPT_WEIGHTS = 10_000_000
FEWEST_NEIGHBORS = 100
# The matrices of so many are inverted within a second or two.
FEW_ITEMS = 4_000


@dataclass(frozen=True)
class Material:
    """What a catalog gives to train on; `content` are rows of unit length by position, or 0."""

    read: CatalogEvents
    content: Floats | None
    content_space_id: int | None
    read_at: datetime
    weights: dict[str, float]

    @property
    def facts(self) -> dict[str, Any]:
        """Return what a version's settings say of what it was trained on."""
        return {
            "last_interaction_id": self.read.last_id,
            "interaction_weights": self.weights,
        }

    @property
    def columns(self) -> dict[str, Any]:
        """Return what a version's row says of what it was trained on."""
        events = self.read.events
        return {
            "n_users": events.n_users,
            "n_items": events.n_items,
            "n_interactions": len(events),
            "trained_through": self.read_at,
            "content_space_id": self.content_space_id,
        }


def read_material(catalog_id: int) -> Material:
    """Return what there is to train on, as of one moment.

    Raises NotFound if the catalog is gone, Conflict if there is too little.
    """
    with db.reading() as session:
        read_at = datetime.now(UTC)
        catalog = queries.find_catalog(session, catalog_id)
        if catalog is None:
            raise NotFound("catalog", catalog_id)
        weights = dict(catalog.interaction_weights)
        read = read_events(
            session,
            catalog_id=catalog_id,
            weights=weights,
            at_most=get_config().training_max_interactions,
        )
        require_enough(read)
        space = content_space(session, catalog)
        content = None
        if space is not None and read.events.n_items * space.dimension * 8 <= MAX_CONTENT_BYTES:
            owners, rows = read_vectors(session, space, owner_ids=read.item_ids.tolist())
            content = np.zeros((read.events.n_items, space.dimension))
            content[np.searchsorted(read.item_ids, owners)] = rows
        has_content = content is not None and bool(content.any())
    return Material(
        read=read,
        content=content if has_content else None,
        content_space_id=space.id if space is not None and has_content else None,
        read_at=read_at,
        weights=weights,
    )


def require_enough(read: CatalogEvents) -> None:
    """Raise Conflict, saying what is missing, where nothing can be learned."""
    events = read.events
    if events.n_items < 2 or events.n_users < 2:
        raise Conflict(
            "too few interactions to train on: "
            f"{len(events):,} that count, of {events.n_users:,} users with {events.n_items:,} items"
        )


def threads_for(n_items: int) -> int | None:
    """Return how many threads linear algebra is worth: many only for EASE's large matrices."""
    return 1 if n_items <= FEW_ITEMS else None


def plan_for(n_items: int) -> Plan:
    """Return what training may choose from: fewer neighbours each, the more items there are."""
    plan = Plan()
    bounded = max(FEWEST_NEIGHBORS, min(plan.neighbors, KEPT_WEIGHTS // max(n_items, 1)))
    return replace(plan, neighbors=bounded)
