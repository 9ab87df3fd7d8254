"""What a new version has to beat before it answers: popularity, and the version that does; pure.

All are judged on the same hold-out. A version trained here is judged by its settings, fitted on the
part of the events that the hold-out leaves: its stored rows have seen what the hold-out hides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from embedhub.recommend.ease import EaseSetting
from embedhub.recommend.holdout import Order, hold_out
from embedhub.recommend.ials import IalsSetting
from embedhub.recommend.interactions import Floats, Interactions
from embedhub.recommend.judging import Judging, K
from embedhub.recommend.metrics import ndcg_of_users, top_items
from embedhub.recommend.recommender import USERS_AT_ONCE, Recommender
from embedhub.recommend.sources import Content, Published, Source
from embedhub.recommend.training import CONTENT, IALS, Chosen, Plan, fit_sources

# Vectors made elsewhere by the name of their source; empty: there are none.
Supplied = Mapping[str, Published]


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


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean nDCG@10 over users, and its standard error."""

    ndcg: float
    error: float


def verdict(ndcg: float, popularity: float, live: Figure | None) -> Verdict:
    """Return whether a version of this nDCG@10 may answer in place of what there is.

    It has to beat popularity. Against the live version's settings, which were chosen by chance too,
    a standard error is forgiven: what is as good knows newer events. (Of two means over the same
    users the difference errs about half as much.)
    """
    figures = f"nDCG@10 {ndcg:.4f} against {popularity:.4f} of popularity"
    if live is not None:
        figures += f" and {live.ndcg:.4f} ± {live.error:.4f} of the live version"
    if ndcg <= popularity:
        return Verdict(is_better=False, reason=f"not better than popularity: {figures}")
    if live is not None and ndcg < live.ndcg - live.error:
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
    recipe: Recipe,
    events: Interactions,
    order: Order,
    plan: Plan,
    *,
    content: Floats | None,
    supplied: Supplied,
) -> Figure:
    """Return nDCG@10 of a recipe on the hold-out that a training on these events is judged by."""
    holdout = hold_out(events, order)
    sources = follow(recipe, holdout.train, plan, content=content, supplied=supplied)
    half_life = recipe.half_life if order is Order.TIME else None
    judging = Judging.of(holdout, plan.judged_users)
    recommender = Recommender(sources, recipe.weights, half_life)
    history = judging.history(half_life)
    parts = []
    for start in range(0, len(judging.users), USERS_AT_ONCE):
        rows = slice(start, start + USERS_AT_ONCE)
        scores = recommender.scores(history[rows], judging.seen[rows], judging.users[rows])
        lists = top_items(scores, judging.seen[rows], K)
        parts.append(ndcg_of_users(lists, judging.relevant[rows], K))
    of_users = np.concatenate(parts)
    return Figure(float(of_users.mean()), float(of_users.std() / np.sqrt(len(of_users))))


def follow(
    recipe: Recipe,
    events: Interactions,
    plan: Plan,
    *,
    content: Floats | None,
    supplied: Supplied,
) -> dict[str, Source]:
    """Return the sources of a recipe fitted on these events; supplied vectors stand for factors."""
    chosen = recipe.chosen
    if supplied:
        # Not wanted: left as they begin, which takes no time.
        chosen = replace(chosen, ials=replace(chosen.ials, sweeps=0))
    sources = fit_sources(events, chosen, plan)
    if supplied:
        del sources[IALS]
        sources |= supplied
    if content is not None:
        sources[CONTENT] = Content(content)
    return sources
