"""What a new version has to beat, and trainings' wishes; pure."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import sparse

from embedhub.errors import InvalidInput
from embedhub.recommend.training_run.artifacts import moments_of, neighbor_rows, neighbors_from
from embedhub.recommend.training_run.events import counts, gather
from embedhub.recommend.training_run.gate import Figure, recipe_of, verdict
from embedhub.recommend.training_run.queries.events import EventRows
from embedhub.recommend.training_run.queries.publishing import DueCatalog
from embedhub.recommend.training_run.setting import changed
from embedhub.recommend.training_run.upkeep import new_ones_wanted

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ndcg", "popularity", "live", "is_better"),
    [
        (0.3, 0.2, None, True),
        (0.2, 0.2, None, False),
        (0.1, 0.2, None, False),
        (0.3, 0.2, Figure(0.29, 0.01), True),
        (0.295, 0.2, Figure(0.3, 0.01), True),
        (0.28, 0.2, Figure(0.3, 0.01), False),
        (0.3, 0.35, Figure(0.2, 0.01), False),
    ],
)
def test_the_verdict(ndcg: float, popularity: float, live: Figure | None, is_better: bool) -> None:
    found = verdict(ndcg, popularity, live)
    assert found.is_better is is_better
    assert f"{ndcg:.4f}" in found.reason


def test_a_recipe_of_another_release_is_not_followed() -> None:
    assert recipe_of({"chosen": {"magic": 1}, "weights": {}, "half_life": None}) is None
    assert recipe_of({}) is None


def test_only_welcome_events_after_the_last_unwelcome_one_count() -> None:
    users = np.array([1, 1, 1, 2, 2, 1])
    items = np.array([7, 7, 7, 7, 8, 8])
    times = np.array([1.0, 2.0, 3.0, 1.0, 1.0, 1.0])
    amounts = np.array([1.0, -1.0, 2.0, 1.0, -3.0, 1.0])
    assert counts(users, items, times, amounts).tolist() == [False, False, True, True, False, True]
    # Written later at the same time.
    same = np.array([5.0, 5.0])
    pair = np.array([1, 1])
    assert not counts(pair, pair, same, np.array([1.0, -1.0])).any()
    assert counts(pair, pair, same, np.array([-1.0, 1.0])).tolist() == [False, True]


def test_rows_are_numbered_in_written_order() -> None:
    def rows(*ids: int) -> EventRows:
        numbers = np.array(ids, dtype=np.int64)
        values = numbers.astype(np.float64)
        return EventRows(numbers, numbers * 10, 900 - numbers, numbers % 2, values, values)

    found = gather([rows(5, 6), rows(2)], [1.0, 3.0])

    assert found.last_id == 6
    assert found.user_ids.tolist() == [20, 50, 60]
    assert found.user_ids[found.events.users].tolist() == [20, 50, 60]
    assert found.item_ids[found.events.items].tolist() == [898, 895, 894]
    assert found.events.values.tolist() == [2.0, 15.0, 6.0]


def test_stored_rows_make_the_same_matrix() -> None:
    weights = sparse.csr_array(np.array([[0, 2.0, -3.0], [0, 0, 0], [1.0, 0, 0.5]]))
    rows = list(neighbor_rows(weights))
    assert [row for row, _, _ in rows] == [0, 2]
    assert rows[0][1].tolist() == [2, 1]
    assert (neighbors_from(rows, 3).toarray() == weights.toarray()).all()


def test_moments_give_mean_and_variance_of_all_scores() -> None:
    items = np.random.default_rng(3).normal(size=(50, 4))
    found = moments_of("ials", items)
    user = np.array([0.3, -1.0, 2.0, 0.1])
    scores = items @ user
    assert user @ found["ials.mean"] == pytest.approx(scores.mean(), abs=1e-5)
    assert user @ found["ials.covariance"] @ user == pytest.approx(scores.var(), rel=1e-5)


@pytest.mark.parametrize(
    ("training", "has_version", "tried_hours_ago", "wanted"),
    [
        ({}, False, None, 500),
        ({"min_interactions": 7}, False, None, 7),
        ({}, True, 1, 100),
        ({"new_share": 0.001}, True, 1, 1),
        ({}, True, 25, 1),
        ({"hours": 48}, True, 25, 100),
        ({}, True, 0.1, None),
        ({"automatic": False}, True, 25, None),
    ],
)
def test_how_much_has_to_be_new(
    training: dict[str, object],
    has_version: bool,
    tried_hours_ago: float | None,
    wanted: int | None,
) -> None:
    tried = None if tried_hours_ago is None else NOW - timedelta(hours=tried_hours_ago)
    catalog = DueCatalog(1, 1, training, 9, 1_000, has_version, tried)
    assert new_ones_wanted(catalog, NOW) == wanted


def test_a_wish_is_taken_back_by_none() -> None:
    assert changed({"hours": 3.0}, {"hours": None, "automatic": False}) == {"automatic": False}
    with pytest.raises(InvalidInput, match="new_share"):
        changed({}, {"new_share": -1.0})
    with pytest.raises(InvalidInput, match="is not one of"):
        changed({}, {"every": 1})
