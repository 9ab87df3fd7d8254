"""What runs of the past, and those that wait, tell whoever is about to ask for another one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from embedhub.runs import queries
from embedhub.runs.kinds import RunKind


def last_result(session: Session, *, kind: RunKind, subject: str) -> dict[str, Any] | None:
    """Return the result of the run of a kind over a subject that succeeded last; None without."""
    return queries.last_result(session, kind=kind, subject=subject)


def is_any_unfinished(session: Session, *, kinds: Sequence[RunKind]) -> bool:
    """Say whether any run of these kinds waits or is under way, whoever it belongs to."""
    return queries.is_any_unfinished(session, kinds=kinds)
