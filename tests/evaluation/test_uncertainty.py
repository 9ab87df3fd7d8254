"""Intervals that hold what they promise, and a test of differences with the right p."""

import math

import numpy as np
import pytest

from embedhub.evaluation.uncertainty import difference, estimate


def test_an_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        found = estimate(rng.beta(2, 1, 60).tolist())
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 2 / 3 <= found.high
    assert 88 <= covered <= 100


def test_one_query_says_nothing_of_the_others() -> None:
    assert estimate([0.4]) == type(estimate([0.4]))(0.4, None, None)
    assert difference([0.4], [0.1]).p_value is None


def test_the_p_value_of_few_queries_is_exact() -> None:
    # Of the 2^6 ways to swap, all six one way and all six the other reach the sum.
    found = difference([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.0] * 6)
    assert found.p_value == 2 / 64
    assert (found.n_better, found.n_worse) == (6, 0)
    assert difference([1.0, 0.0], [0.0, 1.0]).p_value == 1


def test_the_p_value_of_many_queries_agrees_with_the_normal_distribution() -> None:
    rng = np.random.default_rng(2)
    differences = rng.normal(0.03, 0.2, 200)
    found = difference(differences.tolist(), [0.0] * 200)
    z = differences.mean() / (differences.std(ddof=1) / math.sqrt(200))
    assert found.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), abs=0.01)


def test_equal_settings_do_not_differ() -> None:
    figures = [0.2, 0.5, 1.0]
    found = difference(figures, figures)
    assert (found.mean, found.p_value, found.n_better, found.n_worse) == (0, 1, 0, 0)
    assert difference([0.1 + 0.2], [0.3]).n_better == 0  # rounding is no difference
