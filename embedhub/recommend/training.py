"""Training: settings, recency and blend chosen on a hold-out, then all events fitted; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from embedhub.recommend.blending import learn_weights, standardize
from embedhub.recommend.ease import EaseSetting, fit_ease
from embedhub.recommend.holdout import Holdout, Order, hold_out, order_of
from embedhub.recommend.ials import IalsSetting, fit_ials
from embedhub.recommend.interactions import Floats, Interactions, histories
from embedhub.recommend.judging import Judging
from embedhub.recommend.neighbors import fit_conditional, fit_cosine, strongest
from embedhub.recommend.popularity import popularity
from embedhub.recommend.recommender import POPULARITY, Recommender
from embedhub.recommend.sources import Content, Factors, Neighbors, Prior, Source

EASE, IALS, COSINE, CONDITIONAL, CONTENT = "ease", "ials", "cosine", "conditional", "content"

# Told `done, total, phase` before each step and after the last; what it raises ends the training.
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Plan:
    """What training may choose from; the hold-out decides."""

    ease: tuple[EaseSetting, ...] = (
        EaseSetting(10.0, 0.0, 0.25),
        EaseSetting(30.0, 0.0, 0.25),
        EaseSetting(30.0, 0.25, 0.25),
    )
    ials: tuple[IalsSetting, ...] = (
        IalsSetting(0.003, 0.1),
        IalsSetting(0.02, 0.3),
        IalsSetting(0.03, 0.5),
    )
    half_lives: tuple[float | None, ...] = (None, 3.0, 5.0, 10.0, 20.0)
    popularity_days: tuple[float | None, ...] = (None, 7.0, 30.0, 90.0)
    ease_items: int = 20_000
    neighbors: int = 500
    # More would cost time and change no weight.
    judged_users: int = 1_000

    @property
    def n_steps(self) -> int:
        """The steps that progress is told in."""
        return len(self.ials) + len(self.ease) + 2


@dataclass
class Steps:
    """Counts the steps of a training and tells them."""

    total: int
    on_progress: OnProgress | None = None
    done: int = field(default=-1)

    def next(self, phase: str) -> None:
        """Tell that a step of `phase` begins, all before it being done."""
        self.done += 1
        if self.on_progress is not None:
            self.on_progress(self.done, self.total, phase)

    def finish(self) -> None:
        """Tell that all is done."""
        self.done = self.total - 1
        self.next("done")


@dataclass(frozen=True)
class Chosen:
    """What the hold-out chose."""

    ease: EaseSetting | None
    ials: IalsSetting
    popularity_days: float | None


@dataclass(frozen=True)
class Trained:
    """The recommender, what was chosen, and nDCG@10 on the hold-out beside popularity's.

    The blend's weights were learned on that hold-out: few against its users, but its figure is
    slightly flattered.
    """

    recommender: Recommender
    order: Order
    chosen: Chosen
    holdout_ndcg: Mapping[str, float]


def train(
    events: Interactions,
    *,
    order: Order | None = None,
    content: Floats | None = None,
    plan: Plan | None = None,
    on_progress: OnProgress | None = None,
) -> Trained:
    """Return the recommender for all `events`.

    `order` is found from the times unless given; `content` is items × dimensions of unit length.
    `on_progress(done, total, phase)` is called between fits and may raise to cancel.
    Raises ValueError where there are too few events for a hold-out.
    """
    plan = plan or Plan()
    steps = Steps(plan.n_steps, on_progress)
    order = order or order_of(events)
    holdout = hold_out(events, order)
    judging = Judging.of(holdout, plan.judged_users)
    chosen, fitted = choose_sources(holdout, judging, order, plan, steps)
    if content is not None:
        fitted[CONTENT] = Content(content)
    steps.next("blend")
    half_life = choose_half_life(judging, fitted, plan) if order is Order.TIME else None
    weights = learn_weights(list(fitted), judging.judged(holdout, fitted, half_life))
    tried = Recommender(fitted, weights, half_life)
    ndcg = {name: judging.ndcg(source, half_life) for name, source in fitted.items()}
    ndcg["blend"] = judging.ndcg_of_scores(tried.scores(judging.history(half_life), judging.seen))
    steps.next("fit")
    sources = fit_sources(events, chosen, plan)
    if content is not None:
        sources[CONTENT] = Content(content)
    steps.finish()
    return Trained(Recommender(sources, weights, half_life), order, chosen, ndcg)


def fit_sources(events: Interactions, chosen: Chosen, plan: Plan) -> dict[str, Source]:
    """Return every source but content, fitted on `events` with the chosen settings."""
    seen = histories(events)
    sources: dict[str, Source] = {
        POPULARITY: _prior(events, chosen.popularity_days),
        CONDITIONAL: Neighbors(strongest(fit_conditional(seen), plan.neighbors)),
        COSINE: Neighbors(strongest(fit_cosine(seen), plan.neighbors)),
        IALS: Factors(fit_ials(seen, chosen.ials)),
    }
    if chosen.ease is not None:
        sources[EASE] = Neighbors(strongest(fit_ease(seen, chosen.ease), plan.neighbors))
    return sources


def choose_sources(
    holdout: Holdout, judging: Judging, order: Order, plan: Plan, steps: Steps
) -> tuple[Chosen, dict[str, Source]]:
    """Return the settings best on the hold-out, and the sources as fitted on what it trains on."""
    seen = histories(holdout.train)
    days = plan.popularity_days if order is Order.TIME else (None,)
    priors = [_prior(holdout.train, of_days) for of_days in days]
    prior, popularity_days = judging.best(priors, days)
    factors = []
    for of_ials in plan.ials:
        steps.next("settings")
        factors.append(Factors(fit_ials(seen, of_ials)))
    ials, ials_setting = judging.best(factors, plan.ials)
    sources: dict[str, Source] = {
        POPULARITY: prior,
        CONDITIONAL: Neighbors(strongest(fit_conditional(seen), plan.neighbors)),
        COSINE: Neighbors(strongest(fit_cosine(seen), plan.neighbors)),
        IALS: ials,
    }
    ease_setting = None
    if seen.shape[1] <= plan.ease_items:
        tried = []
        for of_ease in plan.ease:
            steps.next("settings")
            tried.append(Neighbors(strongest(fit_ease(seen, of_ease), plan.neighbors)))
        sources[EASE], ease_setting = judging.best(tried, plan.ease)
    return Chosen(ease_setting, ials_setting, popularity_days), sources


def choose_half_life(judging: Judging, sources: Mapping[str, Source], plan: Plan) -> float | None:
    """Return the half-life in events with which EASE and iALS, or iALS alone, do best together."""
    used = [sources[name] for name in (EASE, IALS) if name in sources]
    reached = []
    for half_life in plan.half_lives:
        history = judging.history(half_life)
        scores = [standardize(source.scores(history), judging.seen) for source in used]
        reached.append(judging.ndcg_of_scores(np.asarray(sum(scores))))
    return plan.half_lives[int(np.argmax(reached))]


def _prior(events: Interactions, days: float | None) -> Prior:
    return Prior(np.log1p(popularity(events, days)))
