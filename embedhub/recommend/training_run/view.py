"""A version of a recommender from the outside."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub.tables import RecommenderVersion


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version: how it stands and why, what it was made of, how well it did on its hold-out.

    `weights` are those of its sources by the shortest history of each bucket.
    """

    number: int
    status: str
    origin: str
    reason: str | None
    run_id: int | None
    n_users: int
    n_items: int
    n_interactions: int
    metrics: dict[str, Any]
    half_life: float | None
    weights: dict[str, dict[str, float]]
    trained_through: datetime | None
    created_at: datetime
    published_at: datetime | None


def view_of(row: RecommenderVersion) -> VersionView:
    """Return the row as callers see it."""
    return VersionView(
        number=row.number,
        status=row.status,
        origin=row.origin,
        reason=row.reason,
        run_id=row.run_id,
        n_users=row.n_users,
        n_items=row.n_items,
        n_interactions=row.n_interactions,
        metrics=row.metrics,
        half_life=row.settings.get("half_life"),
        weights=row.settings.get("weights", {}),
        trained_through=row.trained_through,
        created_at=row.created_at,
        published_at=row.published_at,
    )
