"""Lists in full ranking, and what they are worth."""

import numpy as np
import pytest
from scipy import sparse

from embedhub.recommend.metrics import measure_lists, top_items

SEEN = sparse.csr_array(np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]))


def test_lists_leave_out_what_was_seen_and_what_is_hidden() -> None:
    scores = np.array([[9.0, 1.0, 3.0, 2.0], [1.0, 4.0, 4.0, 0.0]])

    lists = top_items(scores, SEEN, 3, hidden=np.array([False, False, False, True]))

    assert lists.tolist() == [[2, 1, -1], [1, 2, 0]]


def test_figures_of_a_list_are_those_counted_by_hand() -> None:
    lists = np.array([[1, 2, 3], [0, 1, 2]])
    relevant = sparse.csr_array(np.array([[0, 0, 1.0, 1.0], [0, 0, 0, 0]]))

    measured = measure_lists(lists, relevant, np.array([1.0, 1.0, 1.0, 1.0]), k=2)

    ideal = 1 + 1 / np.log2(3)
    assert measured.users == 1
    assert measured.precision == pytest.approx(1 / 2)
    assert measured.recall == pytest.approx(1 / 2)
    assert measured.ndcg == pytest.approx((1 / np.log2(3)) / ideal)
    assert measured.average_precision == pytest.approx((1 / 2) / 2)
    assert measured.coverage == pytest.approx(2 / 4)
    assert measured.novelty == pytest.approx(-np.log2(2 / 3))


def test_nobody_to_judge_is_no_error() -> None:
    nothing = sparse.csr_array((2, 4))

    assert measure_lists(np.zeros((2, 2), dtype=np.int64), nothing, np.ones(4)).users == 0
