"""Events become histories, ranks and weights."""

import numpy as np
import pytest

from embedhub.recommend.interactions import (
    Interactions,
    histories,
    ranks_of_events,
    recency_weights,
    times_mean_something,
)


def events(
    users: list[int], items: list[int], times: list[float] | None = None, value: float = 1.0
) -> Interactions:
    return Interactions(
        np.array(users, dtype=np.int64),
        np.array(items, dtype=np.int64),
        np.full(len(users), value),
        None if times is None else np.array(times),
        n_users=3,
        n_items=4,
    )


def test_repeated_events_of_a_pair_count_once_by_the_largest_weight() -> None:
    history = histories(events([0, 0, 1], [2, 2, 3]), np.array([0.25, 1.0, 0.5]))

    assert history.toarray().tolist() == [[0, 0, 1.0, 0], [0, 0, 0, 0.5], [0, 0, 0, 0]]


def test_an_event_of_weight_nothing_is_no_part_of_a_history() -> None:
    assert histories(events([0], [1]), np.array([0.0])).nnz == 0


def test_the_last_event_in_time_has_rank_0_and_ties_keep_their_order() -> None:
    ranks = ranks_of_events(events([0, 0, 1, 0], [0, 1, 2, 3], [5.0, 9.0, 1.0, 5.0]))

    assert ranks.tolist() == [2, 0, 0, 1]


def test_without_times_the_order_of_writing_counts() -> None:
    assert ranks_of_events(events([1, 0, 1], [0, 1, 2])).tolist() == [1, 0, 0]


def test_a_half_life_of_one_event_halves_with_every_later_event() -> None:
    weights = recency_weights(events([0, 0, 0], [0, 1, 2], [1.0, 2.0, 3.0]), 1.0)

    assert weights.tolist() == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("times", "meaning"), [(None, False), ([4.0, 4.0, 4.0], False), ([1.0, 2.0, 3.0], True)]
)
def test_absent_or_tied_times_mean_nothing(times: list[float] | None, meaning: bool) -> None:
    assert times_mean_something(events([0, 0, 0], [0, 1, 2], times)) is meaning


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_finite_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="values must be finite"):
        events([0], [0], value=value)


def test_an_item_outside_the_catalog_is_refused() -> None:
    with pytest.raises(ValueError, match="items must be between 0 and 3"):
        events([0], [4])


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        events([0, 1], [0, 1], [1.0])
