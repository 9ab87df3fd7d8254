"""A run from the outside, with what follows from its row."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from embedhub.runs.kinds import RunStatus
from embedhub.tables import Run


@dataclass(frozen=True, slots=True)
class RunView:
    """A run from the outside; `progress` is a fraction, None while the total is unknown.

    `phase` and `waiting_for` are plain words; `forecast` is what the kind of run foretold.
    """

    id: int
    kind: str
    subject: str
    status: str
    done: int
    total: int | None
    progress: float | None
    eta_s: float | None
    phase: str | None
    waiting_for: str | None
    forecast: dict[str, Any] | None
    error: str | None
    result: dict[str, Any]
    is_cancel_asked: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def view_of(run: Run) -> RunView:
    """Return the row as callers see it."""
    return RunView(
        id=run.id,
        kind=run.kind,
        subject=run.subject,
        status=run.status,
        done=run.done,
        total=run.total,
        progress=min(1.0, run.done / run.total) if run.total else None,
        eta_s=_eta_s(run),
        phase=run.phase,
        waiting_for=run.waiting_for,
        forecast=run.forecast,
        error=run.error,
        result=run.result,
        is_cancel_asked=run.is_cancel_asked,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def _eta_s(run: Run) -> float | None:
    """Return the seconds left if the rest goes as fast as what is done; nobody knows of waiting."""
    if run.status != RunStatus.RUNNING or run.waiting_for:
        return None
    if not run.total or not run.done or not run.started_at:
        return None
    elapsed_s = (datetime.now(UTC) - run.started_at).total_seconds()
    return round(elapsed_s * max(0, run.total - run.done) / run.done, 1)
