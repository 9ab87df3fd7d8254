"""Scores spread over near candidates: who gains, who keeps, and that shares still add up."""

from collections.abc import Mapping

import numpy as np
import pytest

from embedhub.search.fusion import Part, Ranked
from embedhub.search.nearness import Vectors
from embedhub.search.request import Leg
from embedhub.search.spreading import MAX_COMPARED, N_NEAREST, PART, average_of_nearest, spread


def ranked(chunk: int, score: float) -> Ranked:
    return Ranked(chunk, chunk, score, lambda: (Part(Leg.DENSE, chunk, score, score, 1.0),))


def unit(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float32)


def held(vectors: Mapping[int, np.ndarray]) -> Vectors:
    return Vectors(vectors, np.array(list(vectors.values()), dtype=np.float32))


def test_who_stands_among_good_ones_passes_who_stands_alone() -> None:
    fused = [ranked(1, 0.9), ranked(2, 0.88), ranked(3, 0.50), ranked(4, 0.49)]
    near, far = unit(1, 0), unit(0, 1)
    moved = spread(fused, held({1: near, 2: near, 3: far, 4: near}))
    assert [one.chunk_id for one in moved] == [1, 2, 4, 3]
    by_id = {one.chunk_id: one for one in moved}
    assert by_id[4].score == pytest.approx((1 - PART) * 0.49 + PART * (0.9 + 0.88) / 2)
    assert by_id[3].score == pytest.approx(0.5)  # like nobody: keeps what it has
    for one in moved:
        assert one.score == pytest.approx(sum(part.share for part in one.parts))
        assert one.parts[-1].leg is Leg.NEIGHBORS


def test_what_has_no_vector_or_stands_far_behind_keeps_its_score() -> None:
    fused = [ranked(chunk, 1 - chunk / 1_000) for chunk in range(MAX_COMPARED + 3)]
    vectors = held({one.chunk_id: unit(1, 0) for one in fused[1:MAX_COMPARED]})
    moved = {one.chunk_id: one for one in spread(fused, vectors)}
    assert moved[0] is fused[0]
    assert moved[MAX_COMPARED] is fused[MAX_COMPARED]
    assert len(moved[1].parts) == 2
    assert spread(fused[:1], held({0: unit(1, 0)})) == fused[:1]
    assert spread([], held({})) == []


def test_only_the_nearest_are_heard() -> None:
    angles = np.linspace(0, 0.1, N_NEAREST + 1)
    close = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    others = np.array([[-1.0, 0.0], [0.0, 0.0]])
    vectors = np.concatenate([close, others]).astype(np.float32)
    scores = np.array([1.0] * (N_NEAREST + 1) + [0.0, 0.5])
    around = average_of_nearest(vectors, scores)
    assert around[: N_NEAREST + 1] == pytest.approx(1.0)
    assert around[-2:] == pytest.approx([0.0, 0.5])
