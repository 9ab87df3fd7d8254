"""The REST of runs."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.runs import service
from embedhub.runs.schemas import RunOut, RunPage
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["runs"])


@router.get("/runs", response=RunPage, summary="List runs")
def list_runs(
    request: HttpRequest,
    cursor: str | None = None,
    limit: int | None = None,
    status: str | None = None,
) -> HttpResponse:
    """Long jobs, newest first; `status` leaves only those of one status.

    A key bound to principals gets 403: runs count documents it may not see.
    """
    caller = caller_of(request, Scope.READ)
    size = page_limit(limit)
    before = decode_cursor("runs", cursor)
    runs = service.list_runs(caller, before=before, limit=size + 1, status=status)
    return respond(page("runs", runs, size, lambda run: run.id))


@router.get("/runs/{int:run_id}", response=RunOut, summary="Get a run")
def get_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One long job: its status, its progress, and the reason if it failed.

    A key bound to principals gets 403: runs count documents it may not see.
    """
    return respond(service.get_run(caller_of(request, Scope.READ), run_id))


@router.post("/runs/{int:run_id}/cancel", response=RunOut, summary="Cancel a run")
@idempotent()
def cancel_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask a run to stop: at once if it waits, else between two of its batches."""
    return respond(service.cancel_run(caller_of(request, Scope.WRITE), run_id))
