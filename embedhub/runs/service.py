"""Runs: what a caller may rely on.

A run is carried out once at a time: whoever holds its claim. A message delivered twice finds the
claim taken and does nothing; a run whose worker died is claimed anew when its heartbeat is older
than `run_heartbeat_s`. So the work of a run must be able to start over after a part was done.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.errors import Conflict, HubError, InvalidInput, NotFound
from embedhub.runs import queries
from embedhub.runs.kinds import UNFINISHED, RunKind, RunStatus
from embedhub.runs.progress import RunCancelled, RunProgress, RunTakenOver
from embedhub.runs.view import RunView, view_of
from embedhub.tables import Run

__all__ = [
    "RunCancelled",
    "RunKind",
    "RunProgress",
    "RunStatus",
    "RunTakenOver",
    "RunView",
    "cancel_run",
    "carry_out",
    "forget_old",
    "get_run",
    "is_encoder_wanted",
    "kind_of",
    "latest_status",
    "list_runs",
    "recent_results",
    "ring_for_waiting",
    "start_run",
    "start_unless_paused",
    "unfinished_run",
    "wait_until_ended",
]

logger = logging.getLogger(__name__)

Work = Callable[[RunProgress, dict[str, Any]], dict[str, Any]]
# A run not begun this long after it was asked for has lost its message.
OVERDUE = timedelta(seconds=30)
# Of thousands that wait their turn the messages are not lost: asking for all again and again would
# fill the queue faster than it is emptied.
RUNG_AT_ONCE = 100
# Between a run that upkeep asked for and that ended badly, and the next one.
PAUSE = timedelta(minutes=10)
POLL_S = 0.2


def start_run(
    session: Session,
    *,
    workspace_id: int,
    kind: RunKind,
    subject: str,
    arguments: dict[str, Any] | None = None,
) -> int:
    """Ask for a run in the caller's transaction and return its id.

    If an unfinished run of this kind works on this subject already, that one's id is returned and
    nothing is asked for.
    """
    columns = {
        "workspace_id": workspace_id,
        "kind": kind.value,
        "subject": subject,
        "arguments": arguments or {},
    }
    run_id = queries.insert_run(session, **columns)
    if run_id is None:
        existing = queries.find_unfinished(session, kind=kind, subject=subject)
        if existing is not None:
            return existing
        # It ended between the two looks.
        run_id = queries.insert_run(session, **columns)
        if run_id is None:
            raise Conflict(f"another {kind} of {subject} was asked for at this moment")
    jobs.enqueue(session, job_of(kind), run_id=run_id)
    return run_id


def job_of(kind: RunKind) -> jobs.Job:
    """Return the job that has a run of this kind carried out, in the queue of its workers."""
    if kind.reads_files or kind.trains:
        return jobs.Job.TRAINING_RUN if kind.trains else jobs.Job.READING_RUN
    return jobs.Job.ENCODING_RUN if kind.needs_encoder else jobs.Job.RUN


def start_unless_paused(
    session: Session,
    *,
    workspace_id: int,
    kind: RunKind,
    subject: str,
    arguments: dict[str, Any] | None = None,
) -> int | None:
    """Ask for a run that upkeep wants again and again; None soon after one failed or was cancelled.

    What fails for a reason that stays would else begin anew at every sweep.
    """
    if queries.ended_badly(session, kind=kind, subject=subject, within=PAUSE):
        return None
    return start_run(
        session, workspace_id=workspace_id, kind=kind, subject=subject, arguments=arguments
    )


def latest_status(
    session: Session, *, workspace_id: int, kind: RunKind, owner: tuple[str, int]
) -> RunStatus | None:
    """Return how far the newest run of a kind with this argument is, such as ("catalog_id", 7)."""
    status = queries.latest_status(session, workspace_id=workspace_id, kind=kind, owner=owner)
    return None if status is None else RunStatus(status)


def carry_out(run_id: int, work: Work) -> None:
    """Claim a run, do its work and write how it ended; does nothing if the claim is not to be had.

    `work` gets the progress to report to and the run's arguments, and returns the result.
    """
    token = uuid.uuid4()
    stale = timedelta(seconds=get_config().run_heartbeat_s)
    with db.writing() as session:
        run = queries.claim_run(session, run_id=run_id, token=token, stale=stale)
    if run is None:
        logger.info("run not to be had", extra={"run_id": run_id})
        return
    status, result, error = _outcome(run, RunProgress(run_id, token), work)
    if status is None:
        return
    with db.writing() as session:
        is_ours = queries.finish_run(
            session, run_id=run_id, token=token, status=status, result=result, error=error
        )
    if not is_ours:
        logger.warning("run was taken over meanwhile", extra={"run_id": run_id})


def unfinished_run(session: Session, *, kinds: Sequence[RunKind], subject: str) -> int | None:
    """Return the id of an unfinished run of one of these kinds over a subject, if there is one."""
    found = (queries.find_unfinished(session, kind=kind, subject=subject) for kind in kinds)
    return next((run_id for run_id in found if run_id is not None), None)


def recent_results(
    session: Session, *, kinds: Sequence[RunKind], limit: int
) -> list[dict[str, Any]]:
    """Return the results of the runs of these kinds that succeeded last, whoever they belong to.

    For what an installation learns about itself, such as how fast it is; never to be shown.
    """
    return queries.recent_results(session, kinds=kinds, limit=limit)


def is_encoder_wanted() -> bool:
    """Say whether a run waits that needs the encoder: it goes before texts that wait for theirs."""
    kinds = [kind for kind in RunKind if kind.needs_encoder]
    with db.reading() as session:
        return queries.is_any_queued(session, kinds=kinds)


def kind_of(run_id: int) -> RunKind | None:
    """Return what a run does; None if there is no such run."""
    with db.reading() as session:
        kind = queries.find_kind(session, run_id)
    return None if kind is None else RunKind(kind)


def get_run(caller: Caller, run_id: int) -> RunView:
    """Return a run of the caller's workspace; raises NotFound.

    Raises Forbidden for a caller bound to principals: runs count rows of whole collections.
    """
    caller.require_every_document()
    with db.reading() as session:
        run = _visible_run(session, caller, run_id)
        return view_of(run)


def list_runs(
    caller: Caller, *, before: int | None = None, limit: int = 50, status: str | None = None
) -> list[RunView]:
    """Return the workspace's runs, newest first, from the one before `before` on.

    Raises Forbidden for a caller bound to principals, as `get_run` does.
    """
    caller.require_every_document()
    if status is not None and status not in list(RunStatus):
        raise InvalidInput(f"must be one of {', '.join(RunStatus)}", "status")
    with db.reading() as session:
        rows = queries.list_runs(
            session,
            workspace_id=caller.workspace_id,
            collection_ids=caller.collection_ids,
            status=status,
            before=before,
            limit=limit,
        )
        return [view_of(row) for row in rows]


def cancel_run(caller: Caller, run_id: int) -> RunView:
    """Ask a run to stop: a waiting one ends at once, a running one between two batches.

    Raises Conflict for a run that has ended, or of a kind that must not stop half-way.
    """
    caller.require_writing()
    with db.writing() as session:
        run = _visible_run(session, caller, run_id)
        if run.status in UNFINISHED and not RunKind(run.kind).can_be_cancelled:
            raise Conflict(f"a run of kind {run.kind} cannot be cancelled")
        cancelled = queries.ask_to_cancel(session, workspace_id=caller.workspace_id, run_id=run_id)
        if cancelled is None:
            raise Conflict(f"run {run_id} has ended already")
        return view_of(cancelled)


def wait_until_ended(run_id: int, *, timeout_s: float) -> bool:
    """Return whether a run ended within the time; no connection is held between the looks."""
    deadline = time.monotonic() + timeout_s
    while True:
        with db.reading() as session:
            if not queries.is_unfinished(session, run_id):
                return True
        if time.monotonic() + POLL_S > deadline:
            return False
        time.sleep(POLL_S)


def ring_for_waiting() -> int:
    """Ask again for the oldest runs that nobody works on although overdue; return how many."""
    stale = timedelta(seconds=get_config().run_heartbeat_s)
    with db.writing() as session:
        waiting = queries.waiting_runs(session, older_than=OVERDUE, stale=stale, limit=RUNG_AT_ONCE)
        for run_id, kind in waiting:
            jobs.enqueue(session, job_of(RunKind(kind)), run_id=run_id)
    return len(waiting)


def forget_old() -> int:
    """Delete runs that ended more than `run_days` ago, in batches; return how many."""
    older_than = timedelta(days=get_config().run_days)
    return db.in_batches(
        lambda session, size: queries.delete_finished(session, older_than=older_than, limit=size)
    )


def _outcome(
    run: Run, progress: RunProgress, work: Work
) -> tuple[RunStatus | None, dict[str, Any], str | None]:
    """Do the work; no status means that the run is not ours to finish, QUEUED to try it again."""
    facts = {"run_id": run.id, "kind": run.kind}
    try:
        if run.is_cancel_asked:
            return RunStatus.CANCELLED, {}, None
        return RunStatus.SUCCEEDED, work(progress, dict(run.arguments)), None
    except RunCancelled:
        return RunStatus.CANCELLED, {}, None
    except RunTakenOver:
        logger.warning("run was taken over meanwhile", extra=facts)
        return None, {}, None
    except HubError as error:
        logger.warning("run failed", extra=facts, exc_info=True)
        return _status_after(error, run), {}, str(error)
    except Exception as error:  # whatever the work raised, the row must say that the run ended
        if _is_database_lost(error):
            # There is nowhere to write an end to: the heartbeat stops, and the run is claimed
            # anew once the database is back.
            raise
        logger.exception("run failed", extra=facts)
        return _status_after(error, run), {}, _safe_reason(error)


def _status_after(error: Exception, run: Run) -> RunStatus:
    # What is gone, such as a removed collection, cannot be worked on a second time either.
    must_go_on = RunKind(run.kind).must_succeed and not isinstance(error, NotFound)
    return RunStatus.QUEUED if must_go_on else RunStatus.FAILED


def _is_database_lost(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) is None


def _safe_reason(error: Exception) -> str:
    """Return what may be shown: the kind of the error, not its text, which may quote rows."""
    origin = getattr(error, "orig", None) or error
    return f"unexpected {type(origin).__name__}; the worker's log has the details"


def _visible_run(session: Session, caller: Caller, run_id: int) -> Run:
    run = queries.find_run(session, workspace_id=caller.workspace_id, run_id=run_id)
    if run is None or not _may_see(caller, run):
        raise NotFound("run", run_id)
    return run


def _may_see(caller: Caller, run: Run) -> bool:
    """Say whether the run works on a collection within the key's bounds."""
    if caller.collection_ids is None:
        return True
    return run.arguments.get("collection_id") in caller.collection_ids
