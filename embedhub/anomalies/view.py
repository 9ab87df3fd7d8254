"""Flags and states of anomalies from the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub.anomalies.setting import Setting
from embedhub.graph.service import Level, Node
from embedhub.tables import AnomalyDecision, AnomalyFlag

# Of a row's text: enough to judge it, and to know a neighbor by.
SHOWN_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class RowView:
    """A row as it is shown; `text` is its beginning."""

    external_id: str
    title: str
    url: str | None
    metadata: dict[str, Any]
    text: str
    position: int | None


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What was decided; `undoes` is the id of what was taken back."""

    id: int
    decision: str
    decided_by: str
    decided_at: datetime
    undoes: int | None


@dataclass(frozen=True, slots=True)
class FlagView:
    """A row that stands out, why, and what was decided.

    `percentile` is that of the score among all rows. `current` is the id of the decision in force:
    whoever decides again has to name it.
    """

    id: int
    status: str
    score: float
    percentile: float
    reasons: list[dict[str, Any]]
    rare_words: list[str]
    row: RowView
    normal: list[RowView]
    flagged_at: datetime
    decisions: list[DecisionView]
    current: int | None


@dataclass(frozen=True, slots=True)
class StateView:
    """How the anomalies of a collection or catalog stand.

    `precision` is the share confirmed of the last `n_decided` decisions. `limit` is what a score
    has to exceed now. `run_id` is the scan under way.
    """

    level: Level
    setting: Setting
    fitted_at: datetime | None
    n_rows: int
    with_vectors: bool
    limit: float | None
    counts: dict[str, int]
    precision: float | None
    n_decided: int
    run_id: int | None


@dataclass(frozen=True, slots=True)
class ScoreView:
    """How odd a text would be that is not stored; `is_flagged` by the setting, budget aside."""

    score: float
    limit: float
    percentile: float
    is_flagged: bool
    reasons: list[dict[str, Any]]
    signals: dict[str, dict[str, float | None]]
    rare_words: list[str]
    normal: list[RowView]


def row_view(node: Node) -> RowView:
    """Return a row as it is shown."""
    return RowView(
        external_id=node.external_id,
        title=node.title,
        url=node.url,
        metadata=node.metadata,
        text=node.text[:SHOWN_CHARS],
        position=node.position,
    )


def decision_view(row: AnomalyDecision) -> DecisionView:
    """Return a decision as it is shown."""
    return DecisionView(row.id, row.decision, row.decided_by, row.decided_at, row.undoes_id)


def flag_view(
    flag: AnomalyFlag,
    node: Node,
    normal: Sequence[Node],
    decisions: Sequence[AnomalyDecision],
    percentile: float,
) -> FlagView:
    """Return a flag as it is shown."""
    last = decisions[-1] if decisions else None
    return FlagView(
        id=flag.id,
        status=flag.status,
        score=flag.score,
        percentile=percentile,
        reasons=flag.reasons,
        rare_words=flag.rare_words,
        row=row_view(node),
        normal=[row_view(one) for one in normal],
        flagged_at=flag.flagged_at,
        decisions=[decision_view(one) for one in decisions],
        current=None if last is None or last.decision == "undo" else last.id,
    )
