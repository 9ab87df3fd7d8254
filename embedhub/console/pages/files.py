"""What staff do with files: have failed ones read again, download originals, allow fetching."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from embedhub.access.caller import Caller
from embedhub.console import audit, models, words
from embedhub.console.permissions import demand
from embedhub.documents.files import service
from embedhub.documents.files.views import download
from embedhub.errors import HubError, NotFound

LIST = "admin:console_file_changelist"
# Of all workspaces; more are retried page by page.
RETRIED_AT_ONCE = 1_000


def retry_rows(request: HttpRequest, rows: Iterable[Any]) -> None:
    """Have failed files read again and say what happens next."""
    demand(request, "retry_file")
    n_retried = 0
    for row in rows:
        caller = Caller.for_workspace(row.workspace_id)
        try:
            service.retry_file(caller, row.collection.slug, row.pk)
        except HubError:
            # Read again, or deleted, by somebody else meanwhile.
            continue
        n_retried += 1
        audit.record(
            request,
            "retry file",
            subject="file",
            subject_id=row.pk,
            workspace_id=row.workspace_id,
            details={"external_id": row.external_id},
        )
    if n_retried:
        told = words.plural(n_retried, "file is", "files are")
        messages.success(
            request, f"{told} read again; what fails once more says so here with its new reason."
        )
    else:
        messages.info(request, "Nothing was retried: only failed files are.")


def retry_one(request: HttpRequest, file_id: int) -> HttpResponse:
    demand(request, "retry_file")
    if request.method == "POST":
        retry_rows(request, models.File.objects.filter(pk=file_id).select_related("collection"))
    return redirect(LIST)


def original(request: HttpRequest, file_id: int) -> HttpResponseBase:
    """Return the original of a file as a download."""
    demand(request, "view_file")
    row: Any = models.File.objects.filter(pk=file_id).select_related("collection").first()
    if row is None:
        raise Http404
    caller = Caller.for_workspace(row.workspace_id)
    try:
        return download(service.open_original(caller, row.collection.slug, file_id))
    except NotFound:
        messages.error(request, "Its original is missing in the file storage.")
        return redirect(LIST)


def allow_fetching(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """Let a workspace name files by their address, or not any more, as the form says."""
    demand(request, "allow_fetching")
    if request.method == "POST":
        is_allowed = request.POST.get("allowed") == "yes"
        try:
            service.allow_fetching(workspace_id, is_allowed=is_allowed)
        except NotFound:
            raise Http404 from None
        audit.record(
            request,
            "allow fetching files" if is_allowed else "forbid fetching files",
            subject="workspace",
            subject_id=workspace_id,
            workspace_id=workspace_id,
        )
        messages.success(
            request,
            "Its keys may now name files by their web address."
            if is_allowed
            else "Files of this workspace are no longer fetched from the web.",
        )
    return redirect("admin:console_workspace_change", workspace_id)
