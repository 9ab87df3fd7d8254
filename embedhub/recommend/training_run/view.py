"""A version of a recommender from the outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from embedhub.tables import RecommenderVersion

# Users who acted faster than people do, by our ids, in the metrics of a row.
FLAGGED = "flagged_user_ids"


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version: how it stands and why, what it was made of, how well it did on its hold-out.

    `weights` are those of its sources by the shortest history of each bucket; `flagged_users` some
    who acted faster than people do, told of single versions only.
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
    flagged_users: list[str] = field(default_factory=list)


def shown_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a version without ids of ours."""
    return {name: figure for name, figure in metrics.items() if name != FLAGGED}


def view_of(row: RecommenderVersion, flagged_users: Sequence[str] = ()) -> VersionView:
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
        metrics=shown_metrics(row.metrics),
        half_life=row.settings.get("half_life"),
        weights=row.settings.get("weights", {}),
        trained_through=row.trained_through,
        created_at=row.created_at,
        published_at=row.published_at,
        flagged_users=list(flagged_users),
    )
