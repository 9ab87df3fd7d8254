"""What a collection's page says of how well it is served: what its index finds, and advice."""

from dataclasses import dataclass
from typing import Any

from embedhub.access.caller import Caller
from embedhub.collections.details import CollectionDetails, describe_collection
from embedhub.config import get_config
from embedhub.console import markup, models
from embedhub.errors import NotFound
from embedhub.search.recall.measures import FilterClass
from embedhub.search.recall.report import RecallFigure, in_words, is_low, percents

EXACT = "Small enough to be searched exactly: every search finds the true nearest."
OFF = "Nothing checks the index: EMBEDHUB_RECALL_S is 0."


@dataclass(frozen=True, slots=True)
class ShownRecall:
    """One class of filters: a sentence, the worst search, and when it was checked last."""

    sentence: str
    lowest: str
    plans: object
    measured: object
    is_low: bool


def of_collection(row: Any) -> dict[str, Any]:
    """Return what the template of a collection's page shows; empty for one being deleted."""
    try:
        details = describe_collection(Caller.for_workspace(row.workspace_id), row.slug)
    except NotFound:
        return {}
    # The slug may name a newer collection than the one that is being deleted.
    if details.id != row.pk:
        return {}
    return {
        "recall": [shown(figure) for figure in details.recall],
        "recall_remark": remark(row, details),
        "advice": [
            {"message": advice.message, "since": markup.moment(advice.since)}
            for advice in details.advice
        ],
    }


def shown(figure: RecallFigure) -> ShownRecall:
    """Return a figure as the page words it."""
    return ShownRecall(
        sentence=f"{in_words(figure)}.",
        lowest=percents(figure.lowest),
        plans=markup.chips(
            [f"{plan} {count}" for plan, count in figure.plans.items()], everything="", nothing=""
        ),
        measured=markup.moment(figure.measured_at),
        is_low=is_low(figure, get_config().recall_warning),
    )


def remark(row: Any, details: CollectionDetails) -> str:
    """Return why there are no figures, empty if there are some of searches without a filter."""
    spaces: Any = models.Space.objects.filter(collection=row.pk, kind="dense", status="live")
    space = spaces.first()
    if any(figure.filter_class == FilterClass.NONE for figure in details.recall) or space is None:
        return ""
    if not space.is_indexed:
        return EXACT
    config = get_config()
    if not config.recall_s:
        return OFF
    return (
        f"The index was not checked yet. Every {config.recall_s:g} s some searches are compared "
        f"with exact search, in collections of up to {config.recall_rows:,} vectors."
    )
