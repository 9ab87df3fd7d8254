"""The home page: what there is, how far it is, what needs a hand, and what to do next."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from embedhub.console import markup, models, queries, words
from embedhub.console.admin_base import detail_url
from embedhub.console.pages import runs
from embedhub.console.permissions import may

N_COLLECTIONS = 8
N_RUNS = 6


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure and where it leads."""

    words: str
    figure: str
    url: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do before the house is of use."""

    words: str
    help: str
    is_done: bool
    url: str | None
    button: str


def add_figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the home page's context with what this staff member may see."""
    figures = queries.house_figures()
    context |= {
        "title": "Home",
        "tiles": [tile for permission, tile in tiles(figures) if may(request, permission)],
        "steps": steps(request, figures) if _needs_steps(figures) else [],
        "is_busy": bool(figures.n_pending or figures.n_unfinished_runs),
    }
    if may(request, "view_collection"):
        context["collections"] = newest_collections()
    if may(request, "view_run"):
        context["runs"] = newest_runs()
    return context


def tiles(figures: queries.Figures) -> list[tuple[str, Tile]]:
    """Return the figures with the permission that each one needs."""
    return [
        ("view_workspace", _tile("workspaces", figures.n_workspaces, "workspace")),
        ("view_collection", _tile("collections", figures.n_collections, "collection")),
        ("view_document", _tile("documents", figures.n_documents, "document")),
        ("view_pending", _tile("pending", figures.n_pending, "pending")),
        (
            "view_deadletter",
            _tile(
                "dead letters",
                figures.n_dead,
                "deadletter",
                tone="bad" if figures.n_dead else "",
            ),
        ),
        ("view_run", _tile("unfinished runs", figures.n_unfinished_runs, "run")),
        (
            "view_searchlogentry",
            _tile("searches today", figures.n_searches_today, "searchlogentry"),
        ),
    ]


def steps(request: HttpRequest, figures: queries.Figures) -> list[Step]:
    """Return the way from an empty house to the first search."""
    return [
        Step(
            "Create a workspace",
            "It holds one tenant's keys, collections and documents.",
            figures.n_workspaces > 0,
            reverse("admin:console_workspace_new_workspace")
            if may(request, "create_workspace")
            else None,
            "New workspace",
        ),
        Step(
            "Create an API key",
            "Programs call the REST API with it.",
            figures.n_keys > 0,
            reverse("admin:console_apikey_new_key") if may(request, "issue_apikey") else None,
            "New API key",
        ),
        Step(
            "Create a collection",
            "A named set of documents in one language.",
            figures.n_collections > 0,
            reverse("admin:console_collection_new_collection")
            if figures.n_workspaces and may(request, "create_collection")
            else None,
            "New collection",
        ),
        Step(
            "Add documents",
            "Drop a folder of files, run “embedhub ingest PATH --collection NAME”, or send them "
            "with POST /v1/collections/{slug}/documents.",
            figures.n_documents > 0,
            reverse("admin:console_files")
            if figures.n_collections and may(request, "upload_file")
            else None,
            "Send files",
        ),
        Step(
            "Ask",
            "Answers are made of what the documents say, and every citation leads there.",
            False,
            reverse("admin:console_ask") if figures.n_documents else None,
            "Ask",
        ),
    ]


def newest_collections() -> list[dict[str, Any]]:
    """Return the newest collections with their progress."""
    rows: Any = models.Collection.objects.filter(deleted_at=None).select_related("workspace")
    found = list(rows.order_by("-id")[:N_COLLECTIONS])
    figures = queries.collection_progress([row.pk for row in found])
    return [
        {
            "row": row,
            "url": detail_url(row),
            "n_documents": words.bounded(figures[row.pk].n_documents, queries.COUNT_BOUND),
            "progress": markup.progress(figures[row.pk], f"progress-{row.pk}"),
        }
        for row in found
    ]


def newest_runs() -> list[dict[str, Any]]:
    """Return the newest runs and how they stand."""
    found: Any = models.Run.objects.select_related("workspace").order_by("-id")[:N_RUNS]
    return [
        {
            "row": row,
            "url": detail_url(row),
            "kind": row.kind.replace("_", " "),
            "status": runs.status_of(row),
            "progress": runs.progress_of(row),
            "created": markup.moment(row.created_at),
        }
        for row in found
    ]


def _tile(text: str, count: int, name: str, *, tone: str = "") -> Tile:
    figure = words.bounded(count, queries.COUNT_BOUND).replace("more than ", "> ")
    return Tile(text, figure, reverse(f"admin:console_{name}_changelist"), tone)


def _needs_steps(figures: queries.Figures) -> bool:
    return not (figures.n_workspaces and figures.n_keys and figures.n_documents)
