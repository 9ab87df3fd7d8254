"""What a new version has to beat before it answers: popularity, and the version that does; pure.

All are judged on the same hold-out. A version trained here is judged by its settings, fitted on the
part of the events that the hold-out leaves: its stored rows have seen what the hold-out hides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedhub.recommend.ease import EaseSetting
from embedhub.recommend.holdout import Order, hold_out
from embedhub.recommend.ials import IalsSetting
from embedhub.recommend.interactions import Floats, Interactions
from embedhub.recommend.judging import Judging
from embedhub.recommend.recommender import Recommender
from embedhub.recommend.sources import Content, Source
from embedhub.recommend.training import CONTENT, Chosen, Plan, fit_sources

# Settings are chosen anew each time: what is as good but for noise knows newer events.
NOISE = 0.01


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version may answer, and why (not), in words for people."""

    is_better: bool
    reason: str


@dataclass(frozen=True)
class Recipe:
    """The settings of a version trained here: enough to train it again on other events."""

    chosen: Chosen
    weights: Mapping[int, Mapping[str, float]]
    half_life: float | None


def verdict(ndcg: float, popularity: float, live: float | None) -> Verdict:
    """Return whether a version of this nDCG@10 may answer in place of what there is."""
    figures = f"nDCG@10 {ndcg:.4f} against {popularity:.4f} of popularity"
    if live is not None:
        figures += f" and {live:.4f} of the live version"
    if ndcg <= popularity:
        return Verdict(is_better=False, reason=f"not better than popularity: {figures}")
    if live is not None and ndcg < live * (1.0 - NOISE):
        return Verdict(is_better=False, reason=f"not as good as the live version: {figures}")
    return Verdict(is_better=True, reason=figures)


def recipe_of(settings: Mapping[str, Any]) -> Recipe | None:
    """Return the recipe in a version's settings; None if this release cannot follow it."""
    try:
        given = dict(settings["chosen"])
        ease = given.pop("ease")
        chosen = Chosen(
            ease=None if ease is None else EaseSetting(**ease),
            ials=IalsSetting(**given.pop("ials")),
            **given,
        )
        weights = {int(bucket): dict(each) for bucket, each in settings["weights"].items()}
        return Recipe(chosen, weights, settings["half_life"])
    except (KeyError, TypeError):
        return None


def judge_recipe(
    recipe: Recipe, events: Interactions, order: Order, plan: Plan, content: Floats | None
) -> float:
    """Return nDCG@10 of a recipe on the hold-out that a training on these events is judged by."""
    holdout = hold_out(events, order)
    sources = fit_sources(holdout.train, recipe.chosen, plan)
    if content is not None:
        sources[CONTENT] = Content(content)
    half_life = recipe.half_life if order is Order.TIME else None
    judging = Judging.of(holdout, plan.judged_users)
    recommender = Recommender(sources, recipe.weights, half_life)
    scores = recommender.scores(judging.history(half_life), judging.seen)
    return judging.ndcg_of_scores(scores)


def judge_source(source: Source, events: Interactions, order: Order, plan: Plan) -> float:
    """Return nDCG@10 of a source that was made elsewhere, on that same hold-out."""
    judging = Judging.of(hold_out(events, order), plan.judged_users)
    return judging.ndcg(source, None)
