"""All SQL about runs."""

import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import case, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.runs.kinds import UNFINISHED, RunStatus
from embedhub.tables import Run


def insert_run(session: Session, **columns: Any) -> int | None:
    """Insert a queued run and return its id; None if an unfinished one has its kind and subject."""
    statement = (
        insert(Run)
        .values(**columns)
        .on_conflict_do_nothing(
            index_elements=["kind", "subject"],
            index_where=text("status IN ('queued', 'running')"),
        )
        .returning(Run.id)
    )
    return session.scalars(statement).one_or_none()


def find_unfinished(session: Session, *, kind: str, subject: str) -> int | None:
    """Return the id of the unfinished run of this kind over this subject."""
    statement = select(Run.id).where(
        Run.kind == kind, Run.subject == subject, Run.status.in_(UNFINISHED)
    )
    return session.scalars(statement).one_or_none()


def is_unfinished(session: Session, run_id: int) -> bool:
    """Say whether a run waits or is under way."""
    statement = select(Run.id).where(Run.id == run_id, Run.status.in_(UNFINISHED))
    return session.scalars(statement).one_or_none() is not None


def ended_badly(session: Session, *, kind: str, subject: str, within: timedelta) -> bool:
    """Say whether a run of this kind over this subject failed or was cancelled that lately."""
    statement = select(Run.id).where(
        Run.kind == kind,
        Run.subject == subject,
        Run.status.in_((RunStatus.FAILED, RunStatus.CANCELLED)),
        Run.finished_at > func.now() - within,
    )
    return session.scalars(statement.limit(1)).one_or_none() is not None


def latest_status(
    session: Session, *, workspace_id: int, kind: str, owner: tuple[str, int]
) -> str | None:
    """Return the status of the newest run of this kind whose argument is this owner of rows."""
    name, owner_id = owner
    statement = (
        select(Run.status)
        .where(
            Run.workspace_id == workspace_id,
            Run.kind == kind,
            Run.arguments[name].as_integer() == owner_id,
        )
        .order_by(Run.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def recent_results(session: Session, *, kinds: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """Return the results of the runs of these kinds that succeeded last, in any workspace."""
    statement = (
        select(Run.result)
        .where(Run.kind.in_(kinds), Run.status == RunStatus.SUCCEEDED)
        .order_by(Run.id.desc())
        .limit(limit)
    )
    return list(session.scalars(statement).all())


def claim_run(session: Session, *, run_id: int, token: uuid.UUID, stale: timedelta) -> Run | None:
    """Take a run that waits, or whose worker gave no sign of life; None if it is not to be had."""
    statement = (
        update(Run)
        .where(
            Run.id == run_id,
            or_(
                Run.status == RunStatus.QUEUED,
                (Run.status == RunStatus.RUNNING) & (Run.heartbeat_at < func.now() - stale),
            ),
        )
        .values(
            status=RunStatus.RUNNING,
            claim_token=token,
            heartbeat_at=func.now(),
            started_at=func.coalesce(Run.started_at, func.now()),
            waiting_for=None,
        )
        .returning(Run)
    )
    return session.scalars(statement).one_or_none()


def note_progress(
    session: Session,
    *,
    run_id: int,
    token: uuid.UUID,
    done: int,
    total: int | None,
    phase: str | None,
    waiting_for: str | None,
) -> bool | None:
    """Write progress and a sign of life; return whether to stop, None if the claim is lost."""
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.claim_token == token, Run.status == RunStatus.RUNNING)
        .values(
            done=done,
            total=func.coalesce(total, Run.total),
            phase=func.coalesce(phase, Run.phase),
            waiting_for=waiting_for,
            heartbeat_at=func.now(),
        )
        .returning(Run.is_cancel_asked)
    )
    return session.scalars(statement).one_or_none()


def note_forecast(
    session: Session, *, run_id: int, token: uuid.UUID, forecast: dict[str, Any]
) -> None:
    """Write what a run is going to take."""
    session.execute(
        update(Run)
        .where(Run.id == run_id, Run.claim_token == token, Run.status == RunStatus.RUNNING)
        .values(forecast=forecast)
    )


def finish_run(
    session: Session,
    *,
    run_id: int,
    token: uuid.UUID,
    status: RunStatus,
    result: dict[str, Any],
    error: str | None,
) -> bool:
    """Write how a run ended, or that it waits again; False, and nothing, if the claim is lost."""
    is_success = status is RunStatus.SUCCEEDED
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.claim_token == token, Run.status == RunStatus.RUNNING)
        .values(
            status=status,
            result=result,
            error=error,
            claim_token=None,
            waiting_for=None,
            # Of one that failed or was cancelled it says how far it came.
            phase=None if is_success else Run.phase,
            finished_at=None if status in UNFINISHED else func.now(),
            # What succeeded is done, also when the last report was some rows earlier.
            done=func.coalesce(Run.total, Run.done) if is_success else Run.done,
        )
        .returning(Run.id)
    )
    return session.scalars(statement).one_or_none() is not None


def find_run(session: Session, *, workspace_id: int, run_id: int) -> Run | None:
    """Return a run of this workspace."""
    statement = select(Run).where(Run.id == run_id, Run.workspace_id == workspace_id)
    return session.scalars(statement).one_or_none()


def find_kind(session: Session, run_id: int) -> str | None:
    """Return the kind of a run, whoever it belongs to: for the workers."""
    return session.scalars(select(Run.kind).where(Run.id == run_id)).one_or_none()


def list_runs(
    session: Session,
    *,
    workspace_id: int,
    collection_ids: Collection[int] | None,
    status: str | None,
    before: int | None,
    limit: int,
) -> Sequence[Run]:
    """Return runs of this workspace, newest first; None for `collection_ids` means all of them."""
    statement = select(Run).where(Run.workspace_id == workspace_id).order_by(Run.id.desc())
    if collection_ids is not None:
        worked_on = Run.arguments["collection_id"].as_integer()
        statement = statement.where(worked_on.in_(collection_ids))
    if status is not None:
        statement = statement.where(Run.status == status)
    if before is not None:
        statement = statement.where(Run.id < before)
    return session.scalars(statement.limit(limit)).all()


def ask_to_cancel(session: Session, *, workspace_id: int, run_id: int) -> Run | None:
    """End a run that waits at once, ask one that runs to stop; return it if it was unfinished."""
    is_queued = Run.status == RunStatus.QUEUED
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.workspace_id == workspace_id, Run.status.in_(UNFINISHED))
        .values(
            is_cancel_asked=True,
            status=case((is_queued, RunStatus.CANCELLED.value), else_=Run.status),
            finished_at=case((is_queued, func.now()), else_=None),
        )
        .returning(Run)
    )
    return session.scalars(statement).one_or_none()


def waiting_runs(
    session: Session, *, older_than: timedelta, stale: timedelta, limit: int
) -> list[tuple[int, str]]:
    """Return id and kind of the oldest runs that nobody works on although overdue."""
    statement = select(Run.id, Run.kind).where(
        Run.status.in_(UNFINISHED),
        or_(
            (Run.status == RunStatus.QUEUED) & (Run.created_at < func.now() - older_than),
            (Run.status == RunStatus.RUNNING) & (Run.heartbeat_at < func.now() - stale),
        ),
    )
    rows = session.execute(statement.order_by(Run.id).limit(limit))
    return [(row.id, row.kind) for row in rows]


def is_any_queued(session: Session, *, kinds: Sequence[str]) -> bool:
    """Say whether a run of one of these kinds waits to be begun, whoever it belongs to."""
    statement = select(Run.id).where(Run.status == RunStatus.QUEUED, Run.kind.in_(kinds))
    return session.scalars(statement.limit(1)).one_or_none() is not None


def is_any_unfinished(session: Session, *, kinds: Sequence[str]) -> bool:
    """Say whether a run of one of these kinds waits or is under way, whoever it belongs to."""
    statement = select(Run.id).where(Run.status.in_(UNFINISHED), Run.kind.in_(kinds))
    return session.scalars(statement.limit(1)).one_or_none() is not None


def last_result(session: Session, *, kind: str, subject: str) -> dict[str, Any] | None:
    """Return the result of the run of this kind over this subject that succeeded last."""
    statement = (
        select(Run.result)
        .where(Run.kind == kind, Run.subject == subject, Run.status == RunStatus.SUCCEEDED)
        .order_by(Run.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def delete_finished(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete up to `limit` runs that ended longer ago than this; return how many."""
    chosen = (
        select(Run.id)
        .where(Run.status.not_in(UNFINISHED), Run.finished_at < func.now() - older_than)
        .order_by(Run.id)
        .limit(limit)
    )
    statement = delete(Run).where(Run.id.in_(chosen)).returning(Run.id)
    return len(session.scalars(statement).all())
