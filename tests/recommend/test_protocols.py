"""Splits are repeatable, and the public protocol is the published one."""

from pathlib import Path

import numpy as np
import pytest

from embedhub.recommend.holdout import Order
from embedhub.recommend.interactions import histories
from embedhub.recommend.metrics import ListMetrics, measure_lists, top_items
from embedhub.recommend.movielens import read_movielens
from embedhub.recommend.protocols import (
    Split,
    first_events,
    first_in_time,
    random_per_user,
    stratified_by_item,
    withhold_users,
)
from embedhub.recommend.sar import sar_scores
from embedhub.recommend.training import train
from tests.recommend.taste import tastes

PROJECT = Path(__file__).parent.parent.parent
MOVIELENS = PROJECT.parent / "shared" / "data" / "recs" / "ml-100k"


def test_each_item_keeps_three_quarters_of_its_events_for_training() -> None:
    split = stratified_by_item(tastes())

    kept, lost = (np.bincount(part.items, minlength=60) for part in (split.train, split.test))
    assert np.array_equal(kept, np.round(0.75 * (kept + lost)))


def test_by_time_nothing_in_training_is_later_than_the_users_test_events() -> None:
    split = first_in_time(tastes(with_times=True))

    assert split.train.times is not None
    assert split.test.times is not None
    for user in range(split.train.n_users):
        last = split.train.times[split.train.users == user].max()
        assert last < split.test.times[split.test.users == user].min()


def test_users_with_few_events_are_left_out_of_the_random_split() -> None:
    events = tastes(per_user=4)

    split = random_per_user(events, at_least=5)

    assert not len(split.train)
    assert not len(split.test)


def test_the_first_events_are_the_earliest() -> None:
    events = tastes(with_times=True)

    first = first_events(events.keep(np.arange(len(events))[::-1]), 3)

    assert first.times is not None
    assert set(first.times) == {0.0, 60.0, 120.0}


def test_withheld_users_are_a_share_of_all() -> None:
    assert withhold_users(tastes(), share=0.25).sum() == 30


def test_other_ratings_are_no_movielens(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("user_id,item_id,rating,timestamp\n1,1,5,1\n")

    with pytest.raises(ValueError, match="not the original"):
        read_movielens(tmp_path)


@pytest.fixture(scope="module")
def movielens() -> Split:
    if not (MOVIELENS / "ratings.csv").is_file():
        pytest.skip("evaluation data absent: recs/ml-100k")
    return stratified_by_item(read_movielens(MOVIELENS).events)


def measured(split: Split, lists: np.ndarray) -> ListMetrics:
    counts = np.asarray(histories(split.train).sum(axis=0))
    return measure_lists(lists, histories(split.test), counts)


def test_sar_comes_out_as_published(movielens: Split) -> None:
    assert (len(movielens.train), len(movielens.test)) == (75_066, 24_934)

    lists = top_items(sar_scores(movielens.train), histories(movielens.train), 10)

    reached = measured(movielens, lists)
    assert reached.ndcg == pytest.approx(0.393819, abs=1e-6)
    assert reached.average_precision == pytest.approx(0.114038, abs=1e-6)
    assert reached.precision == pytest.approx(0.340615, abs=1e-6)
    assert reached.recall == pytest.approx(0.185377, abs=1e-6)


@pytest.mark.slow
def test_the_default_pipeline_beats_the_published_table(movielens: Split) -> None:
    trained = train(movielens.train, order=Order.RANDOM)

    history = trained.recommender.histories(movielens.train)
    assert measured(movielens, trained.recommender.recommend(history, 10)).ndcg >= 0.485
