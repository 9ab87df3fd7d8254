"""Recommenders of a catalog: figures over time, training one, letting another one answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from embedhub.access.caller import Caller
from embedhub.console import audit, models, words
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.recommend.training_run import service
from embedhub.recommend.training_run.service import VersionView

PERMISSION = "publish_recommenderversion"
CATALOG = "admin:console_catalog_change"
SHOWN_VERSIONS = 20
WIDTH, HEIGHT, EDGE = 640, 160, 8
# Figures of a version that are drawn: name in the metrics, words, class of the line.
LINES = (
    ("ndcg", "the version", "eh-line-own"),
    ("live_ndcg", "the one that answered", "eh-line-live"),
    ("popularity_ndcg", "popularity", "eh-line-popular"),
)


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """One version; `is_publishable` if it could answer and does not."""

    number: int
    pk: int
    status: str
    tone: str
    ndcg: str
    popularity: str
    live: str
    n_interactions: str
    created_at: Any
    published_at: Any
    reason: str
    run_id: int | None
    is_live: bool
    is_publishable: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One figure over the versions as points of a drawing."""

    words: str
    css: str
    points: str
    dots: tuple[tuple[float, float, str], ...]
    last: str


def detail(row: Any) -> dict[str, Any]:
    """Return what the template of a catalog shows of its recommenders."""
    caller = Caller.for_workspace(row.workspace_id)
    training = service.describe_training(caller, row.slug)
    versions = service.list_versions(caller, row.slug, limit=SHOWN_VERSIONS)
    rows: Any = models.RecommenderVersion.objects.filter(catalog=row.pk)
    ids = dict(rows.values_list("number", "pk"))
    run: Any = None
    if training.run_id is not None:
        run = models.Run.objects.filter(pk=training.run_id).first()
    return {
        "training": training.setting,
        "training_run": run,
        "live_version": training.live,
        "versions": [_shown(one, ids[one.number]) for one in versions if one.number in ids],
        "lines": lines_of(versions),
        "chart": {"width": WIDTH, "height": HEIGHT},
    }


def start(request: HttpRequest, catalog_id: int) -> HttpResponse:
    """Have a catalog trained now."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = _catalog(catalog_id)
    try:
        run_id = service.start_training(Caller.for_workspace(row.workspace_id), row.slug)
    except HubError as error:
        messages.error(request, str(error))
        return redirect(CATALOG, row.pk)
    _note(request, "train recommender", row, run_id=run_id)
    messages.success(
        request,
        "A recommender is being trained; it answers from then on if it is better than what does.",
    )
    return redirect(CATALOG, row.pk)


def publish(request: HttpRequest, catalog_id: int, number: int) -> HttpResponse:
    """Let a version answer, and offer to take it back."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = _catalog(catalog_id)
    caller = Caller.for_workspace(row.workspace_id)
    try:
        before = service.describe_training(caller, row.slug).live
        service.publish_version(caller, row.slug, number)
    except HubError as error:
        messages.error(request, str(error))
        return redirect(CATALOG, row.pk)
    _note(request, "publish recommender", row, version=number)
    text = f"Recommender {number} answers from now on."
    if before is None or before.number == number:
        messages.success(request, text)
    else:
        messages.success(
            request,
            format_html(
                '{} <form method="post" action="{}" class="eh-inline">'
                '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
                '<button type="submit" class="eh-link">Undo: back to {}</button></form>',
                text,
                reverse("admin:console_recommender_publish", args=[row.pk, before.number]),
                get_token(request),
                before.number,
            ),
        )
    return redirect(CATALOG, row.pk)


def lines_of(versions: Sequence[VersionView]) -> list[Line]:
    """Return the figures of versions as lines of a drawing, oldest first."""
    judged = [one for one in reversed(versions) if isinstance(one.metrics.get("ndcg"), float)]
    found = [
        one.metrics[name]
        for one in judged
        for name, _, _ in LINES
        if one.metrics.get(name) is not None
    ]
    # One version alone is no course.
    if len(judged) < 2 or not found:
        return []
    low, high = min(found), max(found)
    room = (high - low) or 1.0
    wide = (WIDTH - 2 * EDGE) / max(len(judged) - 1, 1)
    lines = []
    for name, text, css in LINES:
        dots = tuple(
            (
                round(EDGE + place * wide, 1),
                round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (one.metrics[name] - low) / room, 1),
                f"{text}, version {one.number}: {one.metrics[name]:.4f}",
            )
            for place, one in enumerate(judged)
            if one.metrics.get(name) is not None
        )
        if dots:
            points = " ".join(f"{x},{y}" for x, y, _ in dots)
            lines.append(Line(text, css, points, dots, dots[-1][2].rpartition(" ")[2]))
    return lines


def _shown(view: VersionView, pk: int) -> ShownVersion:
    status, tone = words.RECOMMENDER_STATUS_WORDS[view.status]
    own, popular, live = (
        "–" if view.metrics.get(name) is None else f"{view.metrics[name]:.4f}"
        for name in ("ndcg", "popularity_ndcg", "live_ndcg")
    )
    return ShownVersion(
        number=view.number,
        pk=pk,
        status=status,
        tone=tone,
        ndcg=own,
        popularity=popular,
        live=live,
        n_interactions=f"{view.n_interactions:,}",
        created_at=view.created_at,
        published_at=view.published_at,
        reason=view.reason or "",
        run_id=view.run_id,
        is_live=view.status == "live",
        is_publishable=view.status in {"ready", "retired"},
    )


def _catalog(catalog_id: int) -> Any:
    row: Any = models.Catalog.objects.filter(pk=catalog_id, deleted_at=None).first()
    if row is None:
        raise Http404
    return row


def _note(request: HttpRequest, action: str, row: Any, **details: object) -> None:
    audit.record(
        request,
        action,
        subject="catalog",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"catalog": row.slug, **details},
    )
