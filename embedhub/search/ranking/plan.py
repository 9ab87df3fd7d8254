"""How one search ranks: the collection's setting with the request's in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.filters import Filter, parse_filter
from embedhub.search.ranking.checks import check_ranking
from embedhub.search.ranking.settings import Boost, RankingSettings, merged
from embedhub.search.request import Note, NoteCode


@dataclass(frozen=True, slots=True)
class RankingPlan:
    """Checked settings, their filters compiled, and what of the stored setting could not be used.

    `boosts` pairs each boost with its filter.
    """

    settings: RankingSettings = field(default_factory=RankingSettings)
    boosts: tuple[tuple[Boost, Filter], ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def is_fusion_alone(self) -> bool:
        """Return whether nothing ranks behind fusion."""
        settings = self.settings
        return not (
            self.boosts
            or settings.fields.title
            or settings.fields.heading
            or settings.recency
            or settings.diversity
            or settings.collapse
            or settings.reranker
        )

    def without_reranker(self) -> "RankingPlan":
        """Return the plan for a search of several collections, whose hits no reranker orders."""
        if self.settings.reranker is None:
            return self
        message = "several collections are searched: no reranker orders their hits"
        note = Note(NoteCode.RANKING_SKIPPED, message)
        settings = replace(self.settings, reranker=None)
        return replace(self, settings=settings, notes=(*self.notes, note))


PLAIN = RankingPlan()


def make_plan(
    stored: Mapping[str, Any], override: Mapping[str, Any] | None, filterable: Mapping[str, str]
) -> RankingPlan:
    """Return how a search of a collection ranks; `override` is the request's.

    Raises InvalidInput and TooLarge naming the part of the request. What of the stored setting does
    not work any more is left out and noted: no search fails over it.
    """
    if not stored and override is None:
        return PLAIN
    if override is not None:
        check_ranking(RankingSettings.from_mapping(merged({}, override)), filterable)
    try:
        settings = RankingSettings.from_mapping(
            merged(stored, {} if override is None else override)
        )
    except (InvalidInput, TooLarge) as error:
        note = Note(NoteCode.RANKING_SKIPPED, f"the collection's ranking is not used: {error}")
        return RankingPlan(notes=(note,))
    boosts, notes = [], []
    for position, boost in enumerate(settings.boosts):
        field = f"ranking.boosts.{position}.filter"
        try:
            # Rows are looked up by their ids: what helps other indexes costs time.
            compiled = parse_filter(boost.filter, filterable, field)
        except (InvalidInput, TooLarge) as error:
            notes.append(Note(NoteCode.RANKING_SKIPPED, f"a boost is not used: {error}"))
        else:
            boosts.append((boost, Filter(compiled.condition, is_helpful=False)))
    return RankingPlan(settings, tuple(boosts), tuple(notes))
