"""Topics and their fits from the outside."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub.graph.subject import Level, Node


@dataclass(frozen=True, slots=True)
class FitView:
    """A grouping of all rows: how it was made, and how good it is.

    `metrics` are shares of its rows, silhouette and stability; `n_new` rows joined it later.
    """

    id: int
    level: Level
    status: str
    method: str
    settings: dict[str, Any]
    metrics: dict[str, Any]
    n_rows: int
    n_new: int
    n_unsorted: int
    revision: int
    run_id: int | None
    created_at: datetime
    live_at: datetime | None


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic: `words` with their weights, `titles` of rows in its middle, `share` of all rows.

    `number` stays from fit to fit. `kept_share` is the part of the former fit's rows of it that
    are in it still, None for a topic that is new.
    """

    number: int
    name: str
    name_source: str
    name_facts: dict[str, Any]
    words: list[dict[str, Any]]
    titles: list[dict[str, Any]]
    n_rows: int
    n_new: int
    n_soft: int
    share: float
    kept_share: float | None
    x: float | None
    y: float | None


@dataclass(frozen=True, slots=True)
class TopicsView:
    """The topics of a subject, the largest first; `fit` None: none was made yet."""

    fit: FitView | None
    topics: list[TopicView]
    run_id: int | None


@dataclass(frozen=True, slots=True)
class MemberView:
    """A row and where it belongs: `topic` None for none, x and y None off the map."""

    id: int
    external_id: str
    title: str
    url: str | None
    position: int | None
    topic: int | None
    p: float
    is_soft: bool
    is_new: bool
    x: float | None
    y: float | None


@dataclass(frozen=True, slots=True)
class TrendView:
    """How many rows of each topic are of each time; topic None: of none."""

    bucket: str
    field: str | None
    times: list[str]
    series: list[dict[str, Any]]
    is_cut: bool


def title_of(node: Node) -> dict[str, Any]:
    """Return what stands for a row: its title, or the beginning of its text."""
    return {
        "external_id": node.external_id,
        "title": shown_title(node),
        "url": node.url,
        "position": node.position,
    }


def shown_title(node: Node) -> str:
    """Return a row's title, or the beginning of its text where it has none."""
    if node.title.strip():
        return node.title.strip()
    beginning = " ".join(node.text[:400].split())
    return beginning if len(beginning) <= 120 else beginning[:119].rstrip() + "…"
