"""A user of a catalog: what they did, the list they get, and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from embedhub.access.caller import Caller
from embedhub.console import models
from embedhub.console.pages.catalogs import placement_names
from embedhub.console.pages.shown_lists import (
    ShownReason,
    shown_hits,
    shown_reasons,
    title_of,
    titles_of,
)
from embedhub.errors import HubError
from embedhub.recommend import service
from embedhub.recommend.request import Kind, RecommendationRequest, Recommendations, WhyNot

SHOWN_EVENTS = 40
SHOWN_HITS = 10
KINDS = (
    (Kind.PERSONAL.value, "for this user"),
    (Kind.POPULAR.value, "popular"),
    (Kind.TRENDING.value, "trending"),
    (Kind.LATEST.value, "latest"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing the user did."""

    type: str
    value: str
    weight: float
    title: str
    external_id: str
    url: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """Why an item is not in the list, or where it stands in it."""

    title: str
    message: str
    is_in_list: bool
    score: str
    cut: str
    reasons: tuple[ShownReason, ...]


def detail(request: HttpRequest, row: Any) -> dict[str, Any]:
    """Return what the template of a user's page shows: history, list, why, and why not."""
    kind, placement = request.GET.get("kind", ""), request.GET.get("placement", "")
    asked = RecommendationRequest(
        user=row.external_id,
        kind=Kind(kind) if kind in dict(KINDS) else Kind.PERSONAL,
        placement=placement,
        limit=SHOWN_HITS,
        explain=True,
        is_recorded=False,
    )
    context: dict[str, Any] = {
        "history": history(row),
        "shown_events": SHOWN_EVENTS,
        "kinds": KINDS,
        "kind": kind,
        "placements": placement_names(row.catalog_id),
        "placement": placement,
        "why_not": request.GET.get("why_not", ""),
    }
    caller, slug = Caller.for_workspace(row.workspace_id), row.catalog.slug
    try:
        result = service.recommend(caller, slug, asked)
        context |= {"result": result, "items": shown_hits(row.catalog_id, result.hits)}
        context["by"] = made_by(result)
        if context["why_not"].strip():
            told = service.why_not(caller, slug, asked, context["why_not"].strip())
            context["answer"] = answer(row.catalog_id, told)
    except HubError as error:
        context["error"] = str(error)
    return context


def history(row: Any) -> list[Event]:
    """Return what a user did, the latest first."""
    rows: Any = models.Interaction.objects.filter(user=row.pk).select_related("item")
    weights = row.catalog.interaction_weights
    latest = list(rows.order_by("-happened_at", "-id")[:SHOWN_EVENTS])
    # Of a type whose values differ, 1 says something too.
    valued = {one.type for one in latest if one.value != 1}
    return [
        Event(
            type=one.type,
            value=f"{one.value:g}" if one.type in valued else "",
            weight=weights.get(one.type, 0) * one.value,
            title=title_of(one.item.fields, one.item.external_id),
            external_id=one.item.external_id,
            url=reverse("admin:console_item_change", args=[one.item_id]),
            happened_at=one.happened_at,
        )
        for one in latest
    ]


def made_by(result: Recommendations) -> str:
    """Return what made a list, in a sentence."""
    if result.version is None:
        made = "Nothing is trained yet: made of what is known without it"
    else:
        made = f"Made by recommender {result.version}"
    used = [(name, weight) for name, weight in result.weights.items() if weight]
    if used:
        shares = ", ".join(
            f"{name} {weight:.2f}" for name, weight in sorted(used, key=lambda one: -one[1])
        )
        made += f" from {result.n_history} items of history ({shares})"
    if result.variant:
        made += f", variant “{result.variant}”"
    return f"{made}; {result.took_ms:.0f} ms."


def answer(catalog_id: int, told: WhyNot) -> Answer:
    """Return why an item is not in a list, in words."""
    names = [told.external_id, *(reason.item or "" for reason in told.reasons)]
    titles = titles_of(catalog_id, names)
    return Answer(
        title=titles.get(told.external_id, told.external_id),
        message=told.message,
        is_in_list=told.position is not None,
        score="" if told.score is None else f"{told.score:.3f}",
        cut="" if told.cut is None else f"{told.cut:.3f}",
        reasons=shown_reasons(told.reasons, titles),
    )
