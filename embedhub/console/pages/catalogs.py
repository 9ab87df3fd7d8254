"""Catalogs in the console: which there are, how one stands, whose lists to look at."""

from typing import Any

from embedhub.access.caller import Caller
from embedhub.catalog.service import catalog_status
from embedhub.console import models
from embedhub.console.pages import recommenders
from embedhub.console.pages.layout import MAX_CHOICES
from embedhub.console.pages.runs import progress_of
from embedhub.console.words import plural
from embedhub.recommend.experiments.results import Rate, click_rates

SAMPLED_ITEMS = 200


def catalog_choices() -> list[tuple[str, str]]:
    """Return catalogs to choose from by id, the workspace in front."""
    rows: Any = models.Catalog.objects.filter(deleted_at=None).select_related("workspace")
    ordered = rows.order_by("workspace__slug", "slug")[:MAX_CHOICES]
    return [(str(row.pk), f"{row.workspace.slug} / {row.slug}") for row in ordered]


def latest_user(catalog_id: int) -> str | None:
    """Return the external id of whoever did something last in a catalog."""
    rows: Any = models.Interaction.objects.filter(catalog_id=catalog_id).select_related("user")
    row = rows.order_by("-id").first()
    return None if row is None else str(row.user.external_id)


def attribute_names(catalog_id: int) -> list[str]:
    """Return the attributes of some items, to choose from while typing."""
    rows: Any = models.Item.objects.filter(catalog_id=catalog_id).order_by("-id")
    found = rows.values_list("attributes", flat=True)[:SAMPLED_ITEMS]
    return sorted({name for attributes in found for name in attributes})[:MAX_CHOICES]


def placement_names(catalog_id: int) -> list[str]:
    """Return the placements that have rules or experiments, by name."""
    of: Any = models.Placement.objects.filter(catalog=catalog_id)
    tried: Any = models.Experiment.objects.filter(catalog=catalog_id)
    names = {*of.values_list("name", flat=True), *tried.values_list("placement", flat=True)}
    return sorted(names)


def detail(row: Any) -> dict[str, Any]:
    """Return what the template of a catalog's page shows."""
    caller = Caller.for_workspace(row.workspace_id)
    counts = catalog_status(caller, row.slug)
    clicks = click_rates(caller, row.slug)
    facts = recommenders.detail(row)
    if facts["training_run"] is not None:
        facts["training_progress"] = progress_of(facts["training_run"])
    rates = [
        {
            "placement": one.placement or "no placement named",
            "variant": one.variant,
            "lists": rate_words(one.lists),
            "items": rate_words(one.items),
            "people": rate_words(one.people),
        }
        for one in clicks.items
    ]
    counted = [
        plural(counts.n_items, "item"),
        plural(counts.n_users, "user"),
        plural(counts.n_interactions, "interaction"),
    ]
    if counts.n_held:
        counted.append(f"{plural(counts.n_held, 'interaction')} waiting for their user or item")
    return {
        "counts": counts,
        "counted": ", ".join(counted),
        "clicks": rates,
        "whose": latest_user(row.pk),
        **facts,
    }


def rate_words(rate: Rate) -> dict[str, Any]:
    """Return a rate in percent with its interval, and what it was counted of."""
    if rate.rate is None or rate.low is None or rate.high is None:
        return {"n": 0, "words": "–", "interval": "", "width": 0}
    return {
        "n": f"{rate.clicked:,} of {rate.n:,}",
        "words": f"{100 * rate.rate:.1f} %",
        "interval": f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %",
        "width": round(100 * rate.rate),
    }
