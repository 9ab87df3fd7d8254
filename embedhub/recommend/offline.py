"""Offline evaluation: full ranking of what a hold-out hides, never among sampled negatives; pure.

Nothing here looks at a test part before it is measured: settings, half-life and weights come from
hold-outs inside the training part (`training`). Diversity is the mean of 1 - cosine between pairs
of a list's items, by their texts or, without, by their factors.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from embedhub.recommend.blending import BUCKETS, bucket_of
from embedhub.recommend.content_map import apply_map, fit_map
from embedhub.recommend.diversity import RELEVANCE, dissimilarity, diversify
from embedhub.recommend.holdout import Order
from embedhub.recommend.interactions import Floats, Integers, Interactions, histories
from embedhub.recommend.metrics import ListMetrics, measure_lists, top_items
from embedhub.recommend.protocols import Split, first_events, withhold_users
from embedhub.recommend.recommender import POPULARITY, USERS_AT_ONCE, Recommender
from embedhub.recommend.sar import sar_scores
from embedhub.recommend.sources import Content, Factors, Source
from embedhub.recommend.training import (
    IALS,
    Chosen,
    OnProgress,
    Plan,
    Trained,
    fit_sources,
    train,
)

# What Microsoft Recommenders' notebook publishes for SAR (b02c95e2).
SAR_NDCG, EXACT = 0.393819, 1e-6
WITHHELD_SHARE, WITHHELD_SEED = 0.2, 42
NEW_SHARE, NEW_SEED = 0.15, 42
FIRST_EVENTS = (1, 3, 5, 10, 20, 50)
POOL = 100
K = 10


@dataclass(frozen=True)
class Measured:
    """What some lists reached; `diversity` is None where nothing tells items apart."""

    name: str
    metrics: ListMetrics
    diversity: float | None = None


def measure_self_check(split: Split) -> Measured:
    """Return SAR's figures, which are the published ones if the protocol is theirs."""
    seen, relevant = histories(split.train), histories(split.test)
    lists = top_items(sar_scores(split.train), seen, K)
    return Measured("SAR (self-check)", measure_lists(lists, relevant, users_of(split.train), K))


def is_published(checked: Measured) -> bool:
    """Say whether the self-check came out as published."""
    return abs(checked.metrics.ndcg - SAR_NDCG) <= EXACT


def measure_sources(trained: Trained, split: Split, *, k: int = K) -> list[Measured]:
    """Return what each source reaches alone, and the blend of all last, for the split's users."""
    recommender = trained.recommender
    history = recommender.histories(split.train)
    seen = histories(split.train)
    yardstick = yardstick_of(recommender, split, k)
    rows = []
    for name, source in recommender.sources.items():

        def scores(rows: slice, source: Source = source) -> Floats:
            return source.scores(history[rows])

        lists = in_parts(scores, seen, k)
        rows.append(yardstick.measure(name, lists))
    return [*rows, yardstick.measure("default pipeline", recommender.recommend(history, k))]


def measure_lengths(trained: Trained, split: Split, *, k: int = K) -> list[Measured]:
    """Return what the blend reaches for users by the length of their history."""
    recommender = trained.recommender
    history = recommender.histories(split.train)
    yardstick, lists = yardstick_of(recommender, split, k), recommender.recommend(history, k)
    buckets = np.array([bucket_of(int(length)) for length in np.diff(history.indptr)])
    rows = []
    for at, start in enumerate(BUCKETS):
        users = np.flatnonzero((buckets == start) & (np.diff(yardstick.relevant.indptr) > 0))
        if len(users):
            end = BUCKETS[at + 1] - 1 if at + 1 < len(BUCKETS) else None
            name = f"{start} to {end} items" if end else f"{start} items and more"
            rows.append(yardstick.measure(name, lists, users))
    return rows


def measure_new_users(
    split: Split,
    content: Floats | None,
    *,
    seed: int = WITHHELD_SEED,
    on_progress: OnProgress | None = None,
) -> list[Measured]:
    """Return rows of a fifth of the users, folded in with their first n events or with all.

    No item of all the user's training events is a candidate, so that popularity is the same for
    every n.
    """
    withheld = withhold_users(split.train, share=WITHHELD_SHARE, seed=seed)
    others = split.train.keep(~withheld[split.train.users])
    trained = train(others, order=Order.RANDOM, content=content, on_progress=on_progress)
    known = split.train.keep(withheld[split.train.users])
    relevant = histories(split.test.keep(withheld[split.test.users]))
    seen = histories(known)
    vectors = telling_vectors(trained.recommender)
    yardstick = Yardstick(relevant, users_of(split.train), vectors)
    prior = trained.recommender.sources[POPULARITY].scores(seen)
    rows = [yardstick.measure("popularity", top_items(prior, seen, K))]
    for n in (*FIRST_EVENTS, None):
        events = known if n is None else first_events(known, n)
        history = trained.recommender.histories(events)
        lists = trained.recommender.recommend(history, K, seen=seen)
        rows.append(yardstick.measure(f"first {n or 'all'}", lists))
    return rows


def measure_new_items(
    split: Split, content: Floats, chosen: Chosen, *, seed: int = NEW_SEED
) -> list[Measured]:
    """Return rows of items that no event of training has, ranked among themselves.

    By the cosine of their texts to those of the history, and by where the texts belong among
    factors that were fitted with the chosen settings. Users are known by their other items.
    """
    draws = np.random.RandomState(seed).rand(split.train.n_items)
    is_new = draws < np.quantile(draws, NEW_SHARE)
    known = split.train.keep(~is_new[split.train.items])
    factors = fit_sources(known, replace(chosen, ease=None), Plan())[IALS]
    assert isinstance(factors, Factors)  # noqa: S101 - what training returns under that name
    n_events = np.bincount(known.items, minlength=len(is_new))
    mapping = fit_map(content, factors.fitted.items, n_events)
    history, seen = histories(known), histories(split.train)
    relevant = histories(split.test.keep(is_new[split.test.items]))
    yardstick = Yardstick(relevant, users_of(split.train), content)
    each = {
        "cosine of texts": Content(content).scores(history),
        "mapped factors": factors.fitted.fold_in(history) @ apply_map(mapping, content).T,
    }
    return [
        yardstick.measure(name, top_items(scores, seen, K, hidden=~is_new))
        for name, scores in each.items()
    ]


def measure_diversity(trained: Trained, split: Split) -> list[Measured]:
    """Return the lists before and after maximal marginal relevance over the best hundred."""
    factors = trained.recommender.sources[IALS]
    assert isinstance(factors, Factors)  # noqa: S101 - what training returns under that name
    vectors = factors.fitted.items
    history, seen = trained.recommender.histories(split.train), histories(split.train)
    scores = trained.recommender.scores(history, seen)
    pools = top_items(scores, seen, POOL)
    diverse = np.stack(
        [
            diversify(pool, of_user[pool], vectors, K)
            for pool, of_user in zip(pools, scores, strict=True)
        ]
    )
    yardstick = Yardstick(histories(split.test), users_of(split.train), vectors)
    return [
        yardstick.measure("by score", pools[:, :K]),
        yardstick.measure(f"MMR {RELEVANCE}", diverse),
    ]


@dataclass(frozen=True)
class Yardstick:
    """What lists are measured by; `vectors` tell items apart, None where nothing does."""

    relevant: sparse.csr_array
    popular: Floats
    vectors: Floats | None
    k: int = K

    def measure(self, name: str, lists: Integers, users: Integers | None = None) -> Measured:
        """Return what lists reach, those of some users or of all."""
        relevant = self.relevant if users is None else self.relevant[users]
        shown = lists if users is None else lists[users]
        diversity = None
        if self.vectors is not None:
            diversity = dissimilarity(shown[:, : self.k], self.vectors)
        return Measured(name, measure_lists(shown, relevant, self.popular, self.k), diversity)


def telling_vectors(recommender: Recommender) -> Floats | None:
    """Return vectors that tell items apart: of their texts, else of their factors."""
    vectors = None
    for source in recommender.sources.values():
        if isinstance(source, Content):
            return source.vectors
        if isinstance(source, Factors):
            vectors = source.fitted.items
    return vectors


def yardstick_of(recommender: Recommender, split: Split, k: int) -> Yardstick:
    """Return what lists for the users of a split are measured by."""
    vectors = telling_vectors(recommender)
    return Yardstick(histories(split.test), users_of(split.train), vectors, k)


def users_of(events: Interactions) -> Floats:
    """Return how many users each item has."""
    return np.asarray(histories(events).sum(axis=0))


def in_parts(scores: Callable[[slice], Floats], seen: sparse.csr_array, k: int) -> Integers:
    """Return users × k items, best first; the scores of some hundred users are held at once."""
    parts = [
        top_items(scores(rows), seen[rows], k)
        for start in range(0, seen.shape[0], USERS_AT_ONCE)
        if (rows := slice(start, start + USERS_AT_ONCE))
    ]
    return np.concatenate(parts) if parts else np.empty((0, k), dtype=np.int64)
