"""Giving dead letters a fresh start: one, some, all."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from embedhub.access.caller import Caller
from embedhub.console import audit, queries, words
from embedhub.console.pages.layout import page
from embedhub.console.permissions import demand
from embedhub.spaces import service

LIST = "admin:console_deadletter_changelist"


def retry_rows(request: HttpRequest, rows: Iterable[Any]) -> None:
    """Retry these dead letters, workspace by workspace, and say what happens next."""
    demand(request, "retry_pending")
    owners: dict[tuple[int, int | None, int | None], list[int]] = defaultdict(list)
    for row in rows:
        place = row.workspace_id, row.space.collection_id, row.space.catalog_id
        owners[place].append(row.owner_id)
    revived = 0
    for (workspace_id, collection_id, catalog_id), owner_ids in owners.items():
        revived += revive(request, workspace_id, collection_id, owner_ids, catalog_id=catalog_id)
    tell(request, revived)


def retry_one(request: HttpRequest, model_admin: Any, key: str) -> HttpResponse:
    demand(request, "retry_pending")
    if request.method == "POST":
        row = model_admin.get_object(request, key)
        if row is None:
            messages.info(request, "It is no dead letter any more.")
        else:
            retry_rows(request, [row])
    return redirect(LIST)


def retry_all(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "retry_pending")
    groups = queries.dead_by_collection()
    if request.method == "POST":
        chosen = request.POST.get("collection", "")
        asked = [group for group in groups if chosen in {"", str(group.collection_id)}]
        tell(
            request,
            sum(revive(request, group.workspace_id, group.collection_id, None) for group in asked),
        )
        return redirect(LIST)
    total = sum(group.n_dead for group in groups)
    return page(
        request,
        model_admin,
        "console/retry_all.html",
        {
            "title": "Retry dead letters",
            "groups": groups,
            "total": words.bounded(total, queries.COUNT_BOUND),
            "lead": "One text was"
            if total == 1
            else f"{words.bounded(total, queries.COUNT_BOUND)} texts were",
        },
    )


def revive(
    request: HttpRequest,
    workspace_id: int,
    collection_id: int | None,
    owner_ids: list[int] | None,
    *,
    catalog_id: int | None = None,
) -> int:
    """Retry within one workspace, write it to the audit, and return how many rows were revived."""
    caller = Caller.for_workspace(workspace_id)
    revived = service.retry_dead(
        caller, collection_id=collection_id, catalog_id=catalog_id, chunk_ids=owner_ids
    )
    if revived:
        subject, ident = "workspace", workspace_id
        if collection_id is not None:
            subject, ident = "collection", collection_id
        elif catalog_id is not None:
            subject, ident = "catalog", catalog_id
        audit.record(
            request,
            "retry dead letters",
            subject=subject,
            subject_id=ident,
            workspace_id=workspace_id,
            details={"retried": revived},
        )
    return revived


def tell(request: HttpRequest, revived: int) -> None:
    """Say what was done, where the rows are now, and what happens if they fail again."""
    if not revived:
        messages.info(request, "Nothing was retried: these are no dead letters any more.")
        return
    messages.success(
        request,
        format_html(
            "{} sent back to the encoder. <a class='underline' href='{}'>See what waits</a>; "
            "what fails again returns to this page with its new reason.",
            words.plural(revived, "dead letter was", "dead letters were"),
            reverse("admin:console_pending_changelist"),
        ),
    )
