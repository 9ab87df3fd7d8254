"""Training: settings, recency and blend chosen on hold-outs, then all events fitted; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from embedhub.recommend.blending import learn_weights
from embedhub.recommend.ease import EaseSetting, fit_ease
from embedhub.recommend.holdout import Holdout, Order, hold_out, order_of
from embedhub.recommend.ials import IalsSetting, fit_ials
from embedhub.recommend.interactions import Floats, Integers, Interactions, histories
from embedhub.recommend.judging import Judging
from embedhub.recommend.neighbors import fit_conditional, fit_cosine, strongest
from embedhub.recommend.popularity import popularity
from embedhub.recommend.recommender import POPULARITY, Recommender
from embedhub.recommend.sources import Content, Factors, Neighbors, Prior, Source
from embedhub.recommend.trust import latest_events, trust_of_users

EASE, IALS, COSINE, CONDITIONAL, CONTENT = "ease", "ials", "cosine", "conditional", "content"

# Told `done, total, phase` before each step and after the last; what it raises ends the training.
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Plan:
    """What training may choose from; the hold-out decides, and the first of a kind is the usual."""

    ease: tuple[EaseSetting, ...] = (
        EaseSetting(12.0, 0.25, 0.25),
        EaseSetting(5.0, 0.25, 0.25),
        EaseSetting(2.0, 0.25, 0.25),
        EaseSetting(50.0, 0.0, 0.25),
    )
    ials: tuple[IalsSetting, ...] = (
        IalsSetting(0.02, 0.2),
        IalsSetting(0.02, 0.3),
        IalsSetting(0.003, 0.1),
        IalsSetting(0.006, 0.1),
    )
    half_lives: tuple[float | None, ...] = (None, 3.0, 5.0, 10.0, 20.0)
    popularity_days: tuple[float | None, ...] = (None, 7.0, 30.0, 90.0)
    # EASE is of so many items, the ones with the most users: memory grows with their square.
    ease_items: int = 10_000
    neighbors: int = 500
    # Settings are chosen by so many users: a thousand of Steam's 3,757 chose a penalty that is
    # 0.003 of nDCG@10 worse over all of them.
    choosing_users: int = 4_000
    # More would cost time and change no weight.
    judged_users: int = 1_000
    # Weights are learned on so many hold-outs, each with other users withheld.
    holdouts: int = 2
    # Of a user with more events the latest are learned from.
    longest_history: int = 2_000

    @property
    def n_steps(self) -> int:
        """The steps that progress is told in."""
        return len(self.ials) + 1 + len(self.ease) + self.holdouts + 1


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

    The blend's weights were learned on that hold-out among others: few against its users, but its
    figure is slightly flattered. `flagged_users` had more events in an hour than people have and
    count the less for it.
    """

    recommender: Recommender
    order: Order
    chosen: Chosen
    holdout_ndcg: Mapping[str, float]
    flagged_users: Integers


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
    flagged = np.flatnonzero(trust_of_users(events) < 1.0)
    events = latest_events(events, plan.longest_history)
    holdout = hold_out(events, order)
    judging = Judging.of(holdout, plan.judged_users)
    chosen, half_life, fitted = choose(holdout, judging, plan, content, steps)
    steps.next("blend")
    judged = judging.judged(holdout, fitted, half_life)
    for seed in range(1, plan.holdouts):
        steps.next("blend")
        other = hold_out(events, order, seed=seed)
        sources = _with_content(fit_sources(other.train, chosen, plan), content)
        judged += Judging.of(other, plan.judged_users).judged(other, sources, half_life)
    weights = learn_weights(list(fitted), judged)
    del judged
    ndcg = {name: judging.ndcg(source, half_life) for name, source in fitted.items()}
    ndcg["blend"] = judging.ndcg_of(Recommender(fitted, weights, half_life))
    steps.next("fit")
    sources = _with_content(fit_sources(events, chosen, plan), content)
    steps.finish()
    return Trained(Recommender(sources, weights, half_life), order, chosen, ndcg, flagged)


def fit_sources(events: Interactions, chosen: Chosen, plan: Plan) -> dict[str, Source]:
    """Return every source but content, fitted on `events` with the chosen settings."""
    matter = Matter.of(events)
    sources = _plain_sources(matter, chosen.popularity_days, plan)
    sources[IALS] = _ials(matter, chosen.ials)
    if chosen.ease is not None:
        sources[EASE] = _ease(matter, chosen.ease, plan)
    return sources


def choose(
    holdout: Holdout, judging: Judging, plan: Plan, content: Floats | None, steps: Steps
) -> tuple[Chosen, float | None, dict[str, Source]]:
    """Return settings and half-life best on the hold-out, and the sources fitted on its training.

    The half-life comes first, with the usual settings; the others are judged under it.
    """
    matter = Matter.of(holdout.train)
    by_time = holdout.order is Order.TIME
    users = Judging.of(holdout, plan.choosing_users)
    days = plan.popularity_days if by_time else (None,)
    _, of_days = users.best([_prior(matter, each) for each in days], days, None)
    sources = _plain_sources(matter, of_days, plan)
    steps.next("settings")
    ials = [_ials(matter, plan.ials[0])]
    steps.next("settings")
    ease = [_ease(matter, plan.ease[0], plan)]
    sources = _with_content(sources | {IALS: ials[0], EASE: ease[0]}, content)
    half_life = choose_half_life(judging, sources, plan) if by_time else None
    for of_ials in plan.ials[1:]:
        steps.next("settings")
        ials.append(_ials(matter, of_ials))
    best, of_ials = users.best(ials, plan.ials, half_life)
    steps.next("settings")
    if matter.values_differ:
        valued = replace(of_ials, values=True)
        best, of_ials = users.best([best, _ials(matter, valued)], (of_ials, valued), half_life)
    for of_ease in plan.ease[1:]:
        steps.next("settings")
        ease.append(_ease(matter, of_ease, plan))
    sources[IALS] = best
    sources[EASE], of_ease = users.best(ease, plan.ease, half_life)
    return Chosen(of_ease, of_ials, of_days), half_life, sources


def choose_half_life(judging: Judging, sources: Mapping[str, Source], plan: Plan) -> float | None:
    """Return the half-life in events with which the sources do best together."""
    reached = []
    for half_life in plan.half_lives:
        weights = learn_weights(list(sources), judging.whole(sources, half_life))
        reached.append(judging.ndcg_of(Recommender(sources, weights, half_life)))
    return plan.half_lives[int(np.argmax(reached))]


@dataclass(frozen=True)
class Matter:
    """What sources are fitted on: users × items, each user counting as much as they are trusted.

    `valued` holds what events are worth, 1 in the mean; `plain` ones.
    """

    events: Interactions
    trust: Floats
    plain: sparse.csr_array
    valued: sparse.csr_array

    @classmethod
    def of(cls, events: Interactions) -> "Matter":
        """Return the matrices of these events."""
        trust = trust_of_users(events)
        values = np.maximum(events.values, 0.0)
        worth = values / max(float(values.mean()), np.finfo(float).tiny) if len(values) else values
        by_trust = sparse.diags_array(trust)
        return cls(
            events,
            trust,
            sparse.csr_array(by_trust @ histories(events)),
            sparse.csr_array(by_trust @ histories(events, worth)),
        )

    @property
    def values_differ(self) -> bool:
        """Return whether events are worth more or less than one another."""
        return len(self.events) > 0 and float(np.ptp(self.events.values)) > 0.0


def _plain_sources(matter: Matter, days: float | None, plan: Plan) -> dict[str, Source]:
    return {
        POPULARITY: _prior(matter, days),
        CONDITIONAL: Neighbors(fit_conditional(matter.plain, plan.neighbors)),
        COSINE: Neighbors(fit_cosine(matter.plain, plan.neighbors)),
    }


def _prior(matter: Matter, days: float | None) -> Prior:
    return Prior(np.log1p(popularity(matter.events, days, matter.trust)))


def _ials(matter: Matter, setting: IalsSetting) -> Factors:
    return Factors(fit_ials(matter.valued if setting.values else matter.plain, setting))


def _ease(matter: Matter, setting: EaseSetting, plan: Plan) -> Neighbors:
    n_items = matter.plain.shape[1]
    if n_items <= plan.ease_items:
        return Neighbors(strongest(fit_ease(matter.plain, setting), plan.neighbors))
    users = np.asarray(matter.plain.sum(axis=0))
    popular = np.sort(np.argsort(-users, kind="stable")[: plan.ease_items])
    among = strongest(fit_ease(sparse.csr_array(matter.plain[:, popular]), setting), plan.neighbors)
    spread = among.tocoo()
    rows, columns = popular[spread.coords[0]], popular[spread.coords[1]]
    shape = (n_items, n_items)
    return Neighbors(sparse.csr_array((spread.data, (rows, columns)), shape=shape))


def _with_content(sources: Mapping[str, Source], content: Floats | None) -> dict[str, Source]:
    added: dict[str, Source] = {} if content is None else {CONTENT: Content(content)}
    return {**sources, **added}
