"""Two ways to make the same person's list, beside each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from embedhub.access.caller import Caller
from embedhub.console import models
from embedhub.console.pages.catalogs import latest_user
from embedhub.console.pages.layout import page
from embedhub.console.pages.people import made_by
from embedhub.console.pages.shown_lists import shown_hits
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.recommend import service
from embedhub.recommend.experiments.variant import HOLDOUT_REQUEST, read_variant
from embedhub.recommend.placements import Decision, stored_rules
from embedhub.recommend.request import Kind, RecommendationRequest

SHOWN_HITS = 20
SHOWN_VERSIONS = 10
SHOWN_EXPERIMENTS = 20
PLAIN = "plain"
# Of what can be changed without rules or experiments: name, words, fields of the request.
BUILT_IN: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    (PLAIN, "as the recommender makes it", {}),
    ("focused", "without diversity", {"relevance": 1.0, "collapse_duplicates": False}),
    ("varied", "with much diversity", {"relevance": 0.5}),
    ("popular", "what is popular", dict(HOLDOUT_REQUEST)),
    ("trending", "what is trending", {"kind": Kind.TRENDING}),
    ("latest", "what is new", {"kind": Kind.LATEST}),
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to make a list; `decision` takes the place of what holds."""

    request: RecommendationRequest
    decision: Decision


def page_of(request: HttpRequest, model_admin: Any, catalog_id: int) -> HttpResponse:
    demand(request, "view_user")
    rows: Any = models.Catalog.objects.filter(pk=catalog_id, deleted_at=None)
    row = rows.first()
    if row is None:
        raise Http404
    user = request.GET.get("user", "").strip() or latest_user(row.pk) or ""
    choices = choices_of(row)
    names = [name for _, group in choices for name, _ in group]
    left = _asked(request, "left", names, PLAIN)
    right = _asked(request, "right", names, _first_other(names))
    context: dict[str, Any] = {
        "title": f"Two lists of {row.slug}",
        "row": row,
        "whose": user,
        "choices": choices,
        "left": left,
        "right": right,
    }
    try:
        context["sides"] = _sides(row, user, (left, right), dict(_words(choices)))
    except HubError as error:
        context["error"] = str(error)
    return page(request, model_admin, "console/side_by_side.html", context)


def choices_of(row: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the ways to choose from, in groups: name and words."""
    placements: Any = models.Placement.objects.filter(catalog=row.pk).order_by("name")
    experiments: Any = models.Experiment.objects.filter(catalog=row.pk).order_by("-id")
    versions: Any = models.RecommenderVersion.objects.filter(
        catalog=row.pk, status__in=["ready", "live", "retired"]
    ).order_by("-number")
    groups = [
        ("Without rules", [(name, words) for name, words, _ in BUILT_IN]),
        ("With the rules of", [(f"placement:{one.pk}", one.name) for one in placements]),
        (
            "Variants of experiments",
            [
                (f"variant:{one.pk}:{place}", f"{one.name}: {variant['name']}")
                for one in experiments[:SHOWN_EXPERIMENTS]
                for place, variant in enumerate(one.variants)
            ],
        ),
        (
            "Recommenders",
            [
                (
                    f"version:{one.number}",
                    f"{one.number}{' (answers now)' * (one.status == 'live')}",
                )
                for one in versions[:SHOWN_VERSIONS]
            ],
        ),
    ]
    return [(title, found) for title, found in groups if found]


def way_of(row: Any, name: str, asked: RecommendationRequest) -> Way:
    """Return what a choice stands for; raises Http404 for one that is gone."""
    kind, _, rest = name.partition(":")
    make: Callable[[Any, str, RecommendationRequest], Way] | None = WAYS.get(kind)
    if make is not None:
        return make(row, rest, asked)
    changes = {built_in: changes for built_in, _, changes in BUILT_IN}
    if name not in changes:
        raise Http404
    return Way(replace(asked, **changes[name]), Decision())


def _of_placement(row: Any, ident: str, asked: RecommendationRequest) -> Way:
    found: Any = models.Placement.objects.filter(catalog=row.pk, pk=ident).first()
    if found is None:
        raise Http404
    rules, _ = stored_rules(found.rules, row.filterable)
    return Way(asked, Decision(rules))


def _of_variant(row: Any, ident: str, asked: RecommendationRequest) -> Way:
    experiment_id, _, place = ident.partition(":")
    found: Any = models.Experiment.objects.filter(catalog=row.pk, pk=experiment_id).first()
    if found is None or int(place) >= len(found.variants):
        raise Http404
    variant = read_variant(found.variants[int(place)], row.filterable, "variant")
    rules = variant.rules
    if rules is None:
        held: Any = models.Placement.objects.filter(catalog=row.pk, name=found.placement).first()
        rules, _ = stored_rules(held.rules if held else [], row.filterable)
    return Way(replace(asked, **variant.request), Decision(rules, version=variant.version))


def _of_version(_row: Any, number: str, asked: RecommendationRequest) -> Way:
    return Way(asked, Decision(version=int(number)))


WAYS: Mapping[str, Callable[[Any, str, RecommendationRequest], Way]] = {
    "placement": _of_placement,
    "variant": _of_variant,
    "version": _of_version,
}


def _sides(
    row: Any, user: str, names: tuple[str, str], words: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return both lists, the right one against the left one."""
    asked = RecommendationRequest(
        user=user or None, limit=SHOWN_HITS, explain=True, is_recorded=False
    )
    caller = Caller.for_workspace(row.workspace_id)
    ways = [way_of(row, name, asked) for name in names]
    left, right = (
        service.recommend(caller, row.slug, way.request, decision=way.decision) for way in ways
    )
    return [
        {
            "words": words[name],
            "items": shown_hits(row.pk, result.hits, beside),
            "by": made_by(result),
            "notes": result.notes,
        }
        for name, result, beside in (
            (names[0], left, None),
            (names[1], right, left.hits),
        )
    ]


def _words(choices: list[tuple[str, list[tuple[str, str]]]]) -> list[tuple[str, str]]:
    """Return every choice by name, with the group that says what it is."""
    return [
        (name, words if title == "Without rules" else f"{title.removesuffix('s')} {words}")
        for title, group in choices
        for name, words in group
    ]


def _asked(request: HttpRequest, side: str, names: list[str], default: str) -> str:
    asked = request.GET.get(side, default)
    return asked if asked in names else default


def _first_other(names: list[str]) -> str:
    """Return what is worth a look beside the plain list: rules, if there are any."""
    return next((name for name in names if name.startswith("placement:")), "popular")
