"""Weights chosen on some queries and measured on others."""

import numpy as np
import pytest

from embedhub.evaluation.learning import GRID, best_weight, learn_weight
from embedhub.evaluation.uncertainty import difference


def queries_with_best(weight: float, n: int, noise: float, seed: int = 1) -> np.ndarray:
    """Figures that fall with the distance to the best weight, each query with its own noise."""
    rng = np.random.default_rng(seed)
    means = 0.8 - np.abs(np.array(GRID) - weight)
    return np.clip(means + rng.normal(0, noise, (n, len(GRID))), 0, 1)


def test_a_clear_best_weight_is_found_and_pays() -> None:
    figures = queries_with_best(0.8, 100, 0.05)
    learned = learn_weight(figures, figures[:, 5].tolist(), 0.5)
    assert learned.weight == 0.8
    assert set(learned.chosen) == {0.8}
    found = difference(learned.held_out, learned.live)
    assert found.mean == pytest.approx(0.3, abs=0.03)
    assert found.p_value is not None
    assert found.p_value < 0.001


def test_of_noise_nothing_is_learned() -> None:
    """What was chosen on noise does not look better on the queries it was not chosen on."""
    means = []
    for seed in range(20):
        figures = np.random.default_rng(seed).random((40, len(GRID)))
        learned = learn_weight(figures, figures[:, 5].tolist(), 0.5)
        means.append(difference(learned.held_out, learned.live).mean)
    assert abs(float(np.mean(means))) < 0.03


def test_equal_weights_leave_it_at_the_live_one() -> None:
    assert GRID[best_weight(np.full(len(GRID), 0.5), 0.5, GRID)] == 0.5
    assert GRID[best_weight(np.full(len(GRID), 0.5), 0.62, GRID)] == 0.6


def test_a_lonely_peak_loses_to_a_plateau() -> None:
    means = np.full(len(GRID), 0.5)
    means[0] = 0.62  # falls to 0.5 at once
    means[6:9] = 0.6
    assert GRID[best_weight(means, 0.5, GRID)] == 0.7


def test_every_query_is_measured_once_and_the_same_each_time() -> None:
    figures = queries_with_best(0.3, 23, 0.3)
    first = learn_weight(figures, figures[:, 5].tolist(), 0.5)
    assert first == learn_weight(figures, figures[:, 5].tolist(), 0.5)
    assert len(first.held_out) == 23
    assert all(figure in row for figure, row in zip(first.held_out, figures, strict=True))
