"""A graph from the outside."""

from dataclasses import dataclass
from datetime import datetime

from embedhub.graph.subject import Level, Subject
from embedhub.tables import Graph


class SpaceGone(Exception):
    """The vectors that a graph is made of are no longer there, or the graph itself."""


@dataclass(frozen=True, slots=True)
class GraphView:
    """A graph: `k` neighbors of each of `n_nodes` rows, by the vectors of a space.

    `recall` is the share of the true nearest that lists hold, over a sample of `recall_sample`
    rows. A list whose last similarity is at least `saturation_threshold` is saturated.
    """

    id: int
    workspace_id: int
    collection_id: int | None
    catalog_id: int | None
    level: Level
    space_id: int
    k: int
    status: str
    method: str
    n_nodes: int
    recall: float | None
    recall_sample: int
    saturation_threshold: float
    built_at: datetime | None
    followed_at: datetime | None
    stale_since: datetime | None

    @property
    def subject(self) -> Subject:
        """Return whose rows these are."""
        return Subject(self.workspace_id, self.collection_id, self.catalog_id, self.level)


def view_of(row: Graph) -> GraphView:
    """Return a graph's row as it is seen from outside."""
    return GraphView(
        id=row.id,
        workspace_id=row.workspace_id,
        collection_id=row.collection_id,
        catalog_id=row.catalog_id,
        level=Level(row.level),
        space_id=row.space_id,
        k=row.k,
        status=row.status,
        method=row.method,
        n_nodes=row.n_nodes,
        recall=row.recall,
        recall_sample=row.recall_sample,
        saturation_threshold=row.saturation_threshold,
        built_at=row.built_at,
        followed_at=row.followed_at,
        stale_since=row.stale_since,
    )
