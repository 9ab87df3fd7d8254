"""Fusion: what a missing leg means, and that shares explain the score."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedhub.search import fusion
from embedhub.search.fusion import (
    Candidate,
    Ranked,
    ScoredList,
    Strand,
    best_of_documents,
    single,
)
from embedhub.search.request import Leg

WEIGHTS = {Leg.DENSE: 0.5, Leg.LEXICAL: 0.5}


def ranking(*scores: tuple[int, float]) -> list[Candidate]:
    return [Candidate(chunk, chunk // 10, score) for chunk, score in scores]


def fuse(lists: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float]) -> list[Ranked]:
    """Return what fusion makes of one query's lists."""
    return fusion.fuse({Strand(leg): ScoredList(found) for leg, found in lists.items()}, weights)


def test_scores_are_divided_by_each_lists_maximum() -> None:
    fused = fuse(
        {
            Leg.DENSE: ranking((1, 0.8), (2, 0.4)),
            Leg.LEXICAL: ranking((2, 20.0), (3, 5.0)),
        },
        WEIGHTS,
    )
    assert [ranked.chunk_id for ranked in fused] == [2, 1, 3]
    assert [ranked.score for ranked in fused] == pytest.approx(
        [
            0.5 * 0.5 + 0.5 * 1,
            0.5 * 1 + 0.5 * 0,
            0.5 * 0.5 + 0.5 * 0.25,  # not in the dense list: as good as its last
        ]
    )


def test_a_leg_that_did_not_run_leaves_its_weight_to_the_other() -> None:
    (ranked,) = fuse({Leg.LEXICAL: ranking((1, 7.0))}, WEIGHTS)
    assert ranked.score == 1
    assert fuse({Leg.DENSE: [], Leg.LEXICAL: []}, WEIGHTS) == []


def test_weights_of_zero_still_rank() -> None:
    lists = {Leg.DENSE: ranking((1, 0.9)), Leg.LEXICAL: ranking((2, 3.0))}
    fused = fuse(lists, {Leg.DENSE: 0.0, Leg.LEXICAL: 1.0})
    assert [ranked.chunk_id for ranked in fused] == [2, 1]
    only_dense = {Leg.DENSE: lists[Leg.DENSE]}
    assert [r.score for r in fuse(only_dense, {Leg.DENSE: 0.0, Leg.LEXICAL: 1.0})] == [1.0]


@pytest.mark.parametrize("scores", [[-1.0, -5.0], [0.0, -3.0], [0.0, 0.0], [2.0, -50.0]])
def test_negative_and_zero_maxima_keep_the_order(scores: list[float]) -> None:
    fused = fuse({Leg.DENSE: ranking((1, scores[0]), (2, scores[1]))}, WEIGHTS)
    assert [ranked.chunk_id for ranked in fused] == [1, 2]
    assert all(0 <= leg.normalized <= 1 for ranked in fused for leg in ranked.parts)


FINITE = st.floats(-1e6, 1e6)


@given(
    dense=st.dictionaries(st.integers(1, 30), FINITE),
    lexical=st.dictionaries(st.integers(1, 30), st.floats(0.01, 1e3)),
    weight=st.floats(0, 1),
)
def test_shares_add_up_to_the_score(
    dense: dict[int, float], lexical: dict[int, float], weight: float
) -> None:
    lists = {
        Leg.DENSE: ranking(*sorted(dense.items(), key=lambda item: -item[1])),
        Leg.LEXICAL: ranking(*sorted(lexical.items(), key=lambda item: -item[1])),
    }
    fused = fuse(lists, {Leg.DENSE: weight, Leg.LEXICAL: 1 - weight})
    assert {ranked.chunk_id for ranked in fused} == dense.keys() | lexical.keys()
    for ranked in fused:
        assert ranked.score == pytest.approx(sum(leg.share for leg in ranked.parts))
        assert ranked.score == ranked.score  # never NaN
        for leg in ranked.parts:
            assert leg.share == leg.weight * leg.normalized
            own = dense if leg.leg is Leg.DENSE else lexical
            assert leg.score == own.get(ranked.chunk_id)
    assert [r.score for r in fused] == sorted((r.score for r in fused), reverse=True)


def test_one_leg_keeps_its_own_scores() -> None:
    ranked = single(Leg.DENSE, ranking((7, 0.5), (3, 0.5), (1, -0.1)))
    assert [(one.chunk_id, one.score) for one in ranked] == [(3, 0.5), (7, 0.5), (1, -0.1)]
    assert [one.parts[0].rank for one in ranked] == [1, 2, 3]


def test_the_best_chunk_stands_for_its_document() -> None:
    ranked = single(Leg.LEXICAL, ranking((11, 3.0), (21, 2.0), (12, 1.0)))
    assert [one.chunk_id for one in best_of_documents(ranked)] == [11, 21]


def test_a_score_that_was_looked_up_counts_as_if_the_list_were_longer() -> None:
    lists = {
        Strand(Leg.DENSE): ScoredList(ranking((1, 0.8), (2, 0.4)), {3: 0.2}),
        Strand(Leg.LEXICAL): ScoredList(ranking((3, 10.0)), {1: 5.0}),
    }
    fused = {ranked.chunk_id: ranked for ranked in fusion.fuse(lists, WEIGHTS)}
    assert fused[1].score == pytest.approx(0.5 + 0.5 * 0.5)
    assert fused[2].score == pytest.approx(0.5 * 0.5)
    assert fused[3].score == pytest.approx(0.5 * 0.25 + 0.5)
    (dense, _) = fused[3].parts
    assert (dense.rank, dense.score) == (None, 0.2)


def test_queries_count_the_same_whatever_their_number() -> None:
    lists = {
        Strand(Leg.DENSE): ScoredList(ranking((1, 1.0), (2, 0.5))),
        Strand(Leg.LEXICAL, 0): ScoredList(ranking((1, 4.0))),
        Strand(Leg.LEXICAL, 1): ScoredList(ranking((2, 8.0))),
    }
    fused = fusion.fuse(lists, WEIGHTS)
    assert [(ranked.chunk_id, ranked.score) for ranked in fused] == [(1, 0.75), (2, 0.5)]
    assert [part.query for part in fused[0].parts] == [0, 0, 1]


def test_scores_of_several_collections_are_divided_by_their_common_maximum() -> None:
    weak = {Strand(Leg.LEXICAL): ScoredList(ranking((1, 2.0)), best=8.0)}
    assert [one.score for one in fusion.fuse(weak, WEIGHTS)] == [0.25]
