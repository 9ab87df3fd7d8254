"""How a run stands, and cancelling one."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from embedhub.access.caller import Caller
from embedhub.console import audit, markup, models, words
from embedhub.console.pages.layout import page
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.runs import service
from embedhub.runs.kinds import UNFINISHED, RunKind

DETAIL = "admin:console_run_change"


def status_of(row: Any) -> SafeString:
    """Return a run's status in a word, asked-to-stop included."""
    if row.is_cancel_asked and row.status in UNFINISHED:
        return markup.label("stopping", "warn")
    return markup.label(words.STATUS_WORDS[row.status], words.STATUS_TONES[row.status])


def progress_of(row: Any) -> SafeString:
    """Return a run's bar, figures and remaining time; refreshes itself while the run lasts."""
    now = datetime.now(UTC)
    is_running = row.status == "running"
    # Nobody can tell how long somebody else's transaction lasts.
    is_moving = is_running and not row.waiting_for
    left_s = words.remaining_s(row.done, row.total, row.started_at, now) if is_moving else None
    done = 100 if row.status == "succeeded" else words.percent(row.done, row.total or 0)
    took = (row.finished_at or now) - row.started_at if row.started_at else None
    return SafeString(
        render_to_string(
            "console/run_progress.html",
            {
                "row": row,
                "is_unfinished": row.status in UNFINISHED,
                "bar": markup.bar(
                    done,
                    tone=words.STATUS_TONES[row.status],
                    label_text=f"progress of run {row.pk}",
                )
                if row.total or row.status == "succeeded"
                else "",
                "percent": done,
                "done": f"{row.done:,}",
                "total": f"{row.total:,}" if row.total else "",
                "phase": (row.phase or "") if is_running else "",
                "waiting_for": (row.waiting_for or "") if is_running else "",
                "left": words.roughly(left_s) if left_s is not None else "",
                "took": words.duration(took.total_seconds()) if took else "",
            },
        )
    )


def may_be_cancelled(row: Any) -> bool:
    """Say whether cancelling this run is worth a button."""
    is_known = row.kind in list(RunKind)
    return (
        row.status in UNFINISHED
        and not row.is_cancel_asked
        and is_known
        and RunKind(row.kind).can_be_cancelled
    )


def cancel(request: HttpRequest, model_admin: Any, run_id: int) -> HttpResponse:
    demand(request, "cancel_run")
    row: Any = models.Run.objects.filter(pk=run_id).first()
    if row is None:
        raise Http404
    if request.method != "POST":
        return page(
            request,
            model_admin,
            "console/confirm.html",
            {
                "title": f"Cancel run {run_id}?",
                "question": f"“{row.kind.replace('_', ' ')}” of {row.subject} stops between two "
                "batches. What it has done so far stays.",
                "submit": "Cancel this run",
                "back": DETAIL,
                "back_id": run_id,
            },
        )
    try:
        service.cancel_run(Caller.for_workspace(row.workspace_id), run_id)
    except HubError as error:
        messages.error(request, str(error))
    else:
        audit.record(
            request,
            "cancel run",
            subject="run",
            subject_id=run_id,
            workspace_id=row.workspace_id,
            details={"kind": row.kind, "of": row.subject},
        )
        messages.success(request, "The run was asked to stop.")
    return redirect(DETAIL, run_id)
