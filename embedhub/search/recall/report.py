"""What the checks of an index say, as figures and as advice."""

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.advice import Advice, AdviceCode
from embedhub.config import get_config
from embedhub.search.dense import has_index
from embedhub.search.queries import recall as queries
from embedhub.search.queries.recall import RecallFigure
from embedhub.search.recall.measures import FilterClass
from embedhub.spaces.service import LiveSpaces
from embedhub.tables import Collection

__all__ = [
    "RecallFigure",
    "forget_old",
    "in_words",
    "is_low",
    "percents",
    "recall_advice",
    "recall_figures",
]

# Fewer checked searches may be low by chance.
MIN_CHECKED = 20
KEEPING = {
    FilterClass.NONE: "without a filter",
    FilterClass.HALF: "with filters that keep about half of the rows",
    FilterClass.TENTH: "with filters that keep about 10 %",
    FilterClass.HUNDREDTH: "with filters that keep about 1 %",
    FilterClass.THOUSANDTH: "with filters that keep about 0.1 % or less",
}
REMEDY = (
    "raise EMBEDHUB_EF_SEARCH (slower searches), or build the index anew if many rows were deleted"
    " or changed since it was built"
)


def recall_figures(session: Session, spaces: LiveSpaces) -> list[RecallFigure]:
    """Return the live recall@10 of a collection's index by class of filters, unfiltered first.

    Empty while nothing was checked, and for a collection without an index: it is searched exactly.
    """
    space = spaces.dense
    if space is None or not has_index(space.shelf_id, is_indexed=space.is_indexed):
        return []
    return queries.figures(
        session,
        space_id=space.id,
        classes=[one.value for one in FilterClass],
        n_queries=get_config().recall_queries,
    )


def recall_advice(session: Session, _collection: Collection, spaces: LiveSpaces) -> list[Advice]:
    """Return what to do where the index finds less than `recall_warning`."""
    return advice_on(recall_figures(session, spaces), get_config().recall_warning)


def advice_on(figures: list[RecallFigure], warning: float) -> list[Advice]:
    """Return one piece of advice for each class of filters with a recall below the warning."""
    return [
        Advice(AdviceCode.LOW_RECALL, f"{in_words(figure)}: {REMEDY}", figure.since)
        for figure in figures
        if is_low(figure, warning)
    ]


def is_low(figure: RecallFigure, warning: float) -> bool:
    """Return whether a recall is too low, by enough searches to say so."""
    return figure.n_queries >= MIN_CHECKED and figure.recall < warning


def in_words(figure: RecallFigure) -> str:
    """Return a figure as a sentence without its full stop."""
    found = percents(figure.recall)
    return (
        f"In {figure.n_queries:,} checked searches {KEEPING[FilterClass(figure.filter_class)]}"
        f" the index found {found} of the true ten nearest"
    )


def percents(part: float) -> str:
    """Return a part of one in percents, rounded down so that 100 % means all."""
    return f"{int(part * 1000 + 1e-9) / 10:g} %"


def forget_old() -> int:
    """Delete checks older than `recall_days` and what was kept to check with; return how many."""
    config = get_config()
    n_checks = db.in_batches(
        lambda session, size: queries.delete_samples(session, days=config.recall_days, limit=size)
    )
    n_asked = db.in_batches(
        lambda session, size: queries.delete_asked(session, days=config.search_log_days, limit=size)
    )
    return n_checks + n_asked
