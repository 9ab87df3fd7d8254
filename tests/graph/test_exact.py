"""Nearest rows by comparing all: as a plain sort finds them, whatever the blocks."""

import numpy as np
import pytest

from embedhub.graph import exact
from embedhub.graph.lists import NONE, Entries, Lists, best, unit, with_entries, without


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few columns, the first of even fewer."""
    monkeypatch.setattr(exact, "COLUMNS_AT_ONCE", 64)
    monkeypatch.setattr(exact, "FIRST_COLUMNS", 24)
    monkeypatch.setattr(exact, "SORTED_AT_ONCE", 5)


def rows_of(n: int, d: int = 16, seed: int = 1) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32))


def test_the_nearest_are_found_across_blocks() -> None:
    rows = rows_of(300)
    found, similarity = exact.nearest(rows, rows, 10, own=np.arange(300))
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1)[:, :10]
    assert (found == order).all()
    assert np.allclose(similarity, np.take_along_axis(cosines, order, axis=1), atol=1e-6)


def test_a_thousand_copies_are_each_others_neighbors() -> None:
    copies = np.repeat(rows_of(1), 1_200, axis=0)
    rows = np.concatenate([rows_of(100, seed=2), copies])
    found, similarity = exact.nearest(rows, rows, 32, own=np.arange(len(rows)))
    assert (found[100:] >= 100).all()
    assert np.allclose(similarity[100:], 1, atol=1e-5)
    assert all(len(set(row)) == 32 for row in found.tolist())
    assert not (found == np.arange(len(rows))[:, None]).any()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_too_few_rows_leave_gaps(n: int) -> None:
    rows = rows_of(n)
    found, similarity = exact.nearest(rows, rows, 8, own=np.arange(n))
    assert ((found != NONE).sum(axis=1) == n - 1).all()
    assert np.isneginf(similarity[found == NONE]).all()


def test_nothing_is_near_to_nothing() -> None:
    found, _ = exact.nearest(rows_of(3), np.empty((0, 16), np.float32), 4)
    assert (found == NONE).all()


def test_a_list_holds_each_id_once_and_the_most_similar_first() -> None:
    ids = np.array([[5, 7, 5, NONE, 2]])
    similarity = np.array([[0.5, 0.9, 0.6, -np.inf, 0.9]], np.float32)
    found, values = best(ids, similarity, 4)
    assert found.tolist() == [[2, 7, 5, NONE]]
    assert np.allclose(values[0, :3], [0.9, 0.9, 0.6])


def lists_of(*rows: list[int]) -> Lists:
    similarity = np.linspace(0.9, 0.1, len(rows[0]), dtype=np.float32)
    return Lists(np.arange(1, len(rows) + 1), np.array(rows), np.tile(similarity, (len(rows), 1)))


def test_rows_leave_lists_and_what_was_behind_moves_up() -> None:
    left = without(lists_of([10, 11, 12], [13, 14, 15]), np.array([10, 14]))
    assert left.neighbor_ids.tolist() == [[11, 12, NONE], [13, 15, NONE]]
    assert left.lengths.tolist() == [2, 2]


def test_near_rows_enter_lists_and_push_the_last_out() -> None:
    entries = Entries(
        np.array([1, 1, 9]), np.array([20, 21, 22]), np.array([0.95, 0.05, 1.0], np.float32)
    )
    entered = with_entries(lists_of([10, 11, 12], [13, 14, 15]), entries)
    assert entered.neighbor_ids.tolist() == [[20, 10, 11], [13, 14, 15]]
