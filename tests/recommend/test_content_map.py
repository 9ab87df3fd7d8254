"""New items are placed among learned factors by their texts."""

import numpy as np
import pytest

from embedhub.recommend.content_map import apply_map, fit_map


def known(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors and factors that are linear in them, with an offset and some noise."""
    rng = np.random.default_rng(seed)
    content = rng.normal(size=(n, 6))
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    slopes = np.random.default_rng(0).normal(size=(6, 3))
    return content, content @ slopes + [1.0, -2.0, 0.5] + rng.normal(0, 0.05, (n, 3))


def test_a_new_item_lands_where_its_text_says() -> None:
    content, factors = known(200)
    new, belongs = known(20, seed=2)

    placed = apply_map(fit_map(content, factors, np.full(200, 50)), new)

    assert np.abs(placed - belongs).max() < 0.3


def test_items_count_by_their_events_and_those_without_text_or_events_not_at_all() -> None:
    content, factors = known(100)
    wrong = np.zeros_like(content)
    wrong[:, 0] = 1.0
    n_events = np.concatenate((np.full(100, 40), np.zeros(100, dtype=np.int64)))

    alone = fit_map(content, factors, n_events[:100])
    both = fit_map(np.vstack((content, wrong)), np.vstack((factors, 9 + factors)), n_events)

    assert np.allclose(alone, both)
    assert not apply_map(alone, np.zeros((1, 6))).any()


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_few_items_give_a_map_too(n: int) -> None:
    content, factors = known(n)

    assert np.isfinite(apply_map(fit_map(content, factors, np.full(n, 5)), known(4)[0])).all()
