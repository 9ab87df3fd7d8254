"""From events to lists: what training chooses, what is listed, and why."""

from dataclasses import replace

import numpy as np
import pytest

from embedhub.recommend.diversity import dissimilarity, diversify
from embedhub.recommend.ease import EaseSetting
from embedhub.recommend.explanation import explain
from embedhub.recommend.holdout import Order, hold_out
from embedhub.recommend.ials import IalsSetting
from embedhub.recommend.interactions import Interactions, histories
from embedhub.recommend.sources import Neighbors
from embedhub.recommend.training import EASE, Plan, Trained, train
from tests.recommend.taste import GROUP_ITEMS, tastes

EVENTS = tastes()
# Few settings, so that tests of other things are fast.
SMALL = Plan(
    ease=(EaseSetting(10.0),),
    ials=(IalsSetting(0.02, 0.2, factors=12, sweeps=5),),
    half_lives=(None, 3.0),
    holdouts=1,
)


def unit(rows: int, seed: int = 5) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(EVENTS, content=unit(EVENTS.n_items))


def new_user(items: list[int]) -> Interactions:
    return Interactions(
        np.zeros(len(items), dtype=np.int64),
        np.array(items, dtype=np.int64),
        np.ones(len(items)),
        None,
        1,
        EVENTS.n_items,
    )


def test_the_blend_beats_popularity_on_the_hold_out(trained: Trained) -> None:
    assert trained.holdout_ndcg["blend"] > 1.2 * trained.holdout_ndcg["popularity"]
    assert trained.order is Order.RANDOM
    assert trained.recommender.half_life is None


def test_a_new_user_gets_items_of_the_group_and_none_of_the_history(trained: Trained) -> None:
    known = list(range(GROUP_ITEMS, GROUP_ITEMS + 6))
    history = trained.recommender.histories(new_user(known))

    listed = trained.recommender.recommend(history, 8)[0]

    assert not set(listed) & set(known)
    assert (listed >= GROUP_ITEMS).mean() >= 0.75


def test_one_more_event_changes_the_list_at_once(trained: Trained) -> None:
    before, after = (
        trained.recommender.recommend(trained.recommender.histories(new_user(items)), 8)[0]
        for items in ([0, 1, 2], [0, 1, 2, GROUP_ITEMS, GROUP_ITEMS + 1, GROUP_ITEMS + 2])
    )

    assert before.tolist() != after.tolist()


def test_an_empty_history_is_answered_by_popularity(trained: Trained) -> None:
    history = trained.recommender.histories(new_user([]))

    listed = trained.recommender.recommend(history, 5)[0]

    counts = np.bincount(EVENTS.items, minlength=EVENTS.n_items)
    assert sorted(counts[listed]) == sorted(np.sort(counts)[-5:])


def test_a_list_ends_where_nothing_is_left(trained: Trained) -> None:
    hidden = np.ones(EVENTS.n_items, dtype=bool)
    hidden[[3, 4]] = False

    listed = trained.recommender.recommend(histories(new_user([3])), 3, hidden=hidden)[0]

    assert listed.tolist() == [4, -1, -1]


@pytest.mark.parametrize("items", [[], [2], [1, 2, 3, 4, 5, 40], list(range(25))])
def test_the_parts_of_a_score_add_up_to_it(trained: Trained, items: list[int]) -> None:
    history = trained.recommender.histories(new_user(items))
    unseen = np.setdiff1d(np.arange(EVENTS.n_items), items)

    reasons = explain(trained.recommender, history, unseen)

    scores = trained.recommender.scores(history, history)[0, unseen]
    assert np.allclose([why.score for why in reasons], scores, atol=1e-6)
    for why in reasons:
        parts = why.by_item.sum() + why.content + why.popularity
        assert parts == pytest.approx(why.score, abs=1e-9)
        assert sum(why.by_source.values()) == pytest.approx(why.score, abs=1e-9)


def test_order_in_time_turns_recency_on_only_where_the_hold_out_gains() -> None:
    drifting = drifting_tastes()

    timely = train(drifting, plan=SMALL)
    unordered = train(drifting, order=Order.RANDOM, plan=SMALL)

    assert timely.order is Order.TIME
    assert timely.recommender.half_life is not None
    assert unordered.recommender.half_life is None


def drifting_tastes() -> Interactions:
    """Return events of users who turn from one group of items to another half-way."""
    rng = np.random.default_rng(4)
    n_users, per_user = 150, 20
    users = np.repeat(np.arange(n_users), per_user)
    step = np.tile(np.arange(per_user), n_users)
    first = rng.integers(4, size=n_users)
    then = (first + rng.integers(1, 4, size=n_users)) % 4
    group = np.where(step < per_user // 2, first[users], then[users])
    items = group * 15 + rng.integers(15, size=len(users))
    return Interactions(users, items, np.ones(len(users)), step.astype(np.float64), n_users, 60)


def test_above_its_limit_of_items_ease_is_of_the_most_popular() -> None:
    trained = train(EVENTS, plan=replace(SMALL, ease_items=10))

    ease = trained.recommender.sources[EASE]
    assert isinstance(ease, Neighbors)
    fitted = np.unique(ease.weights.indices)
    counts = histories(EVENTS).sum(axis=0)
    assert counts[fitted].min() >= np.sort(counts)[-10]
    assert trained.holdout_ndcg["blend"] > trained.holdout_ndcg["popularity"]


def test_progress_is_told_in_steps_and_may_cancel() -> None:
    told: list[tuple[int, int, str]] = []
    train(EVENTS, plan=SMALL, on_progress=lambda *step: told.append(step))

    done, total, phase = told[-1]
    assert (done, phase) == (total, "done")
    assert [step[0] for step in told] == sorted({step[0] for step in told})

    def cancel(done: int, total: int, phase: str) -> None:
        raise InterruptedError(phase)

    with pytest.raises(InterruptedError, match="settings"):
        train(EVENTS, plan=SMALL, on_progress=cancel)


def test_too_few_events_for_a_hold_out_are_refused() -> None:
    with pytest.raises(ValueError, match="too few events"):
        train(new_user([1]))


def test_withheld_users_are_in_no_event_of_training_and_are_cut_short() -> None:
    holdout = hold_out(EVENTS, Order.RANDOM)

    assert holdout.withheld.sum() == round(0.2 * EVENTS.n_users)
    assert not holdout.withheld[holdout.train.users].any()
    known, hidden = holdout.cut(3)
    assert set(np.bincount(known.users, minlength=EVENTS.n_users)[holdout.withheld]) == {3}
    assert len(hidden) == holdout.withheld[holdout.hidden.users].sum()


def test_in_order_of_time_what_comes_next_is_to_be_found() -> None:
    holdout = hold_out(tastes(with_times=True), Order.TIME)

    known, hidden = holdout.cut(8)

    assert known.times is not None
    assert hidden.times is not None
    assert (known.times.max(), set(hidden.times)) == (7 * 60, {8 * 60.0, 9 * 60.0})


def test_a_user_of_a_million_events_and_an_item_that_everyone_has_do_no_harm() -> None:
    rng = np.random.default_rng(1)
    n_users = EVENTS.n_users + 1
    heavy = np.full(1_000_000, EVENTS.n_users)
    users = np.concatenate((EVENTS.users, heavy, np.arange(n_users)))
    items = np.concatenate(
        (
            EVENTS.items,
            rng.integers(EVENTS.n_items, size=len(heavy)),
            np.full(n_users, EVENTS.n_items),
        )
    )
    events = Interactions(users, items, np.ones(len(users)), None, n_users, EVENTS.n_items + 1)

    trained = train(events, plan=SMALL)

    history = trained.recommender.histories(events)
    listed = trained.recommender.recommend(history[:20], 5)
    assert (listed >= 0).all()
    assert not (listed == EVENTS.n_items).any()
    group = listed // GROUP_ITEMS == np.arange(20)[:, None] % 2
    assert group.mean() > 0.6


def test_diversity_keeps_the_best_item_and_lifts_dissimilarity() -> None:
    vectors = np.array([[1.0, 0], [1, 0.01], [0, 1], [1, 0.02]])
    items, scores = np.array([0, 1, 3, 2]), np.array([1.0, 0.9, 0.8, 0.7])

    chosen = diversify(items, scores, vectors, 2, relevance=0.5)

    assert chosen.tolist() == [0, 2]
    assert dissimilarity(chosen[None], vectors) > dissimilarity(items[None, :2], vectors)
    assert diversify(items, scores, vectors, 4, relevance=1.0).tolist() == items.tolist()
