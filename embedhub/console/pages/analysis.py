"""Analyses of a collection or catalog: started and watched here, with what they found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from embedhub.access.caller import Caller
from embedhub.console import audit, markup, models, queries, words
from embedhub.console.pages import runs
from embedhub.console.pages.analyses import ANALYSES, BY_NAME, Analysis
from embedhub.console.pages.layout import page
from embedhub.console.permissions import demand, may
from embedhub.console.queries import COUNT_BOUND, Findings
from embedhub.errors import HubError
from embedhub.graph.subject import LEVELS, Level, Owner
from embedhub.runs.kinds import UNFINISHED

HERE = "admin:console_analysis"
SHOWN_OWNERS = 100
KINDS = {Owner.COLLECTIONS: "collection", Owner.CATALOGS: "catalog"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The collection or catalog that the page is about."""

    owner: Owner
    row: Any

    @property
    def query(self) -> str:
        """Return what addresses of pages about it end with."""
        return f"?{KINDS[self.owner]}={self.row.pk}"

    @property
    def caller(self) -> Caller:
        """Return the caller that may do everything with it."""
        return Caller.for_workspace(self.row.workspace_id)


@dataclass(frozen=True, slots=True)
class Card:
    """One analysis of the chosen rows: how it stands, and what to do next."""

    analysis: Analysis
    run: Any
    status: SafeString | str
    progress: SafeString | str
    is_running: bool
    error: str
    figure: str
    counted: str
    ended: SafeString | str
    next_step: str
    url: str | None
    may_start: bool


def analysis_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "view_graph")
    chosen = find_chosen(request.GET)
    context: dict[str, Any] = {"title": "Analysis", "back_url": reverse("admin:index")}
    if chosen is None:
        context["owners"] = list_owners(request)
        context["analyses"] = ANALYSES
    else:
        context |= detail(request, chosen)
    return page(request, model_admin, "console/analysis.html", context)


def find_chosen(given: Any) -> Chosen | None:
    """Return the collection or catalog that a query names, None if it names none."""
    for owner, kind in KINDS.items():
        ident = given.get(kind, "")
        if not ident:
            continue
        table: Any = models.Collection if owner is Owner.COLLECTIONS else models.Catalog
        rows = table.objects.select_related("workspace").filter(deleted_at=None)
        row = rows.filter(pk=int(ident)).first() if ident.isdecimal() else None
        if row is None:
            raise Http404
        return Chosen(owner, row)
    return None


def detail(request: HttpRequest, chosen: Chosen) -> dict[str, Any]:
    """Return what the page shows of one collection or catalog."""
    kind = KINDS[chosen.owner]
    levels = LEVELS[chosen.owner]
    asked = request.GET.get("level", "")
    level = next((each for each in levels if each.value == asked), levels[0])
    found = queries.findings_of(kind, [chosen.row.pk])[chosen.row.pk]
    graphs: Any = models.Graph.objects.filter(**{f"{kind}_id": chosen.row.pk, "level": level})
    cards = [card_of(request, chosen, analysis, found) for analysis in ANALYSES]
    return {
        "title": f"Analysis of {chosen.row.slug}",
        "chosen": chosen,
        "kind": kind,
        "level": level.value,
        "levels": [(each.value, words.LEVEL_WORDS[each.value]) for each in levels],
        "cards": cards,
        "graph": graphs.order_by("-id").first(),
        "owner_url": reverse(f"admin:console_{kind}_change", args=[chosen.row.pk]),
        "is_busy": any(card.is_running for card in cards),
    }


def card_of(request: HttpRequest, chosen: Chosen, analysis: Analysis, found: Findings) -> Card:
    """Return how an analysis of the chosen rows stands."""
    run = latest_run(chosen, analysis.kinds)
    is_running = run is not None and run.status in UNFINISHED
    n_open, counted = analysis.count(found)
    ended_at = analysis.ended(found)
    error = run.error if run is not None and run.status == "failed" and run.error else ""
    return Card(
        analysis=analysis,
        run=run,
        status=runs.status_of(run) if run is not None else "",
        progress=runs.progress_of(run) if run is not None else "",
        is_running=is_running,
        error=error,
        figure=words.bounded(n_open, COUNT_BOUND).replace("more than ", "> "),
        counted=counted,
        ended=markup.moment(ended_at, empty=""),
        next_step=next_step(analysis, is_running=is_running, n_open=n_open, ended=bool(ended_at)),
        url=page_url(analysis.page, chosen.query) if may(request, analysis.view) else None,
        may_start=analysis.start is not None and not is_running and may(request, analysis.change),
    )


def next_step(analysis: Analysis, *, is_running: bool, n_open: int, ended: bool) -> str:
    """Return in words what to do about an analysis now."""
    if is_running:
        return "It works by itself: stay and watch, or leave this page and come back."
    if not ended:
        return analysis.first_step
    return analysis.review if n_open else analysis.all_done


def latest_run(chosen: Chosen, kinds: Sequence[str]) -> Any:
    """Return the newest run of these kinds over the chosen rows, of any level."""
    owner = {f"{KINDS[chosen.owner]}_id": chosen.row.pk}
    rows: Any = models.Run.objects.filter(
        workspace=chosen.row.workspace_id, kind__in=kinds, arguments__contains=owner
    )
    return rows.order_by("-id").first()


def page_url(name: str, query: str) -> str | None:
    """Return the address of an analysis' own page, None where there is none."""
    try:
        return reverse(f"admin:{name}") + query
    except NoReverseMatch:
        return None


def list_owners(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the newest collections and catalogs with what was found in them."""
    listed = []
    for owner, kind in KINDS.items():
        if not may(request, f"view_{kind}"):
            continue
        table: Any = models.Collection if owner is Owner.COLLECTIONS else models.Catalog
        rows = list(
            table.objects.filter(deleted_at=None)
            .select_related("workspace")
            .order_by("-id")[:SHOWN_OWNERS]
        )
        found = queries.findings_of(kind, [row.pk for row in rows])
        listed += [
            {
                "row": row,
                "kind": kind,
                "url": reverse(HERE) + Chosen(owner, row).query,
                "cells": [shown_cell(analysis, found[row.pk]) for analysis in ANALYSES],
            }
            for row in rows
        ]
    return listed


def shown_cell(analysis: Analysis, found: Findings) -> dict[str, Any]:
    """Return how an analysis stands in the list of all."""
    n_open, counted = analysis.count(found)
    ended_at = analysis.ended(found)
    return {
        "figure": words.bounded(n_open, COUNT_BOUND).replace("more than ", "> "),
        "counted": counted,
        "ended": markup.moment(ended_at, empty=""),
    }


def start(request: HttpRequest, name: str) -> HttpResponse:
    """Start an analysis of the collection or catalog that the form names."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    analysis = BY_NAME.get(name)
    chosen = find_chosen(request.POST)
    if analysis is None or analysis.start is None or chosen is None:
        raise Http404
    demand(request, analysis.change)
    levels = LEVELS[chosen.owner]
    asked = request.POST.get("level", "")
    level: Level = next((each for each in levels if each.value == asked), levels[0])
    by = f"staff {request.user.get_username()}"
    back = redirect(f"{reverse(HERE)}{chosen.query}&level={level.value}")
    try:
        run_id = analysis.start(chosen.caller, chosen.owner, chosen.row.slug, level, by)
    except HubError as error:
        messages.error(request, str(error))
        return back
    audit.record(
        request,
        f"start {analysis.title.lower()}",
        subject=KINDS[chosen.owner],
        subject_id=chosen.row.pk,
        workspace_id=chosen.row.workspace_id,
        details={"slug": chosen.row.slug, "level": level.value, "run_id": run_id},
    )
    messages.success(request, f"{analysis.title}: it has begun. Its progress is shown below.")
    return back
