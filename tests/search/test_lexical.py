"""BM25's arithmetic and the bound that makes a cut list complete."""

import math

import pytest

from embedhub.search.estimate import Estimate
from embedhub.search.lexical import (
    MAX_WEIGHT,
    LexicalPlan,
    Term,
    candidate_tiers,
    cap_for,
    choose,
    idf,
    is_list_complete,
    omitted_terms,
    query_terms,
    query_vector,
    weight,
)


def terms(*counts: int) -> list[Term]:
    return [Term(f"t{place}", place, count, 1.0) for place, count in enumerate(counts)]


def test_idf_is_lucenes_and_never_negative() -> None:
    assert idf(100, 10) == pytest.approx(math.log(1 + 90.5 / 10.5))
    assert 0 < idf(100, 100) < idf(100, 99)
    assert idf(5, 9) == idf(5, 5)  # a count caught between two changes


def test_weights_saturate_below_their_maximum() -> None:
    assert weight(1, 100, 100) == pytest.approx(1.0)
    assert weight(2, 100, 100) > weight(1, 100, 100) > weight(1, 200, 100)
    assert weight(10_000, 1, 1000) < MAX_WEIGHT


def test_terms_of_a_query_come_rarest_first_and_unknown_ones_go() -> None:
    found = query_terms({"a": (1, 50), "b": (2, 3), "c": (3, 0), "d": (4, 3)}, n_rows=100)
    assert [term.lexeme for term in found] == ["b", "d", "a"]


def test_lexemes_that_share_a_place_are_summed() -> None:
    assert query_vector([Term("a", 7, 1, 2.0), Term("b", 7, 1, 0.5)]) == {7: 2.5}


def test_candidates_come_from_the_rare_terms_while_they_fit_the_cap() -> None:
    found = terms(10, 20, 500, 600, 700, 800, 900, 1000)
    assert candidate_tiers(found, 100, is_filtered=False) == [found[:2]]
    tiers = candidate_tiers(found, 100, is_filtered=True)
    assert [[t.lexeme for t in tier] for tier in tiers] == [
        ["t0", "t1"], ["t2"], ["t3"], ["t4"], ["t5"], ["t6", "t7"],
    ]  # fmt: skip
    assert candidate_tiers(found[:2], 100, is_filtered=True) == [found[:2]]
    assert candidate_tiers(found[5:], 100, is_filtered=False) == [found[5:6]]
    assert candidate_tiers([], 100, is_filtered=True) == []


@pytest.mark.parametrize(
    ("counts", "n_rows", "guess", "plan"),
    [
        # common words of a small space
        ((10, 5_000), 10_000, None, LexicalPlan.EXACT),
        ((10, 20), 10_000, None, LexicalPlan.TERMS),
        ((50_000, 90_000), 100_000, None, LexicalPlan.TERMS),
        # few rows pass, and an index on the filter finds them
        ((50_000, 90_000), 100_000, Estimate(100_000, 900, 900), LexicalPlan.EXACT),
        ((10, 20), 100_000, Estimate(100_000, 900, 900), LexicalPlan.TERMS),
        # few rows pass and no index finds them: the words hand out nearly all rows anyway
        ((50_000, 90_000), 100_000, Estimate(100_000, 900, 100_000), LexicalPlan.EXACT),
        ((50_000, 90_000), 100_000, Estimate(100_000, 50_000, 100_000), LexicalPlan.TERMS),
    ],
)
def test_the_plan_with_less_work_is_chosen(
    counts: tuple[int, ...], n_rows: int, guess: Estimate | None, plan: LexicalPlan
) -> None:
    assert choose(terms(*counts), n_rows, 10_000, guess).plan is plan


def test_terms_taken_before_the_cut_are_not_omitted() -> None:
    found = terms(10, 20, 500, 600)
    tiers = candidate_tiers(found, 100, is_filtered=True)
    assert omitted_terms(found, tiers, n_scored=99, cap=100, last_tier=2) == []
    assert omitted_terms(found, tiers, n_scored=100, cap=100, last_tier=1) == found[2:]
    unfiltered = candidate_tiers(found, 100, is_filtered=False)
    assert omitted_terms(found, unfiltered, n_scored=30, cap=100, last_tier=0) == found[2:]


def test_a_cut_list_is_complete_if_no_row_left_out_could_enter_it() -> None:
    omitted = [Term("the", 1, 900, 0.1), Term("of", 2, 800, 0.2)]
    bound = MAX_WEIGHT * 0.3
    assert is_list_complete([5.0, bound + 1e-9], 2, omitted)
    assert not is_list_complete([5.0, bound - 0.01], 2, omitted)
    assert not is_list_complete([5.0], 2, omitted)
    assert is_list_complete([], 2, [])


def test_of_a_filtered_space_the_same_part_is_scored_as_of_a_whole() -> None:
    assert cap_for(10_000, None) == 10_000
    assert cap_for(10_000, Estimate(100_000, 50_000, 50_000)) == 5_000
    assert cap_for(10_000, Estimate(100_000, 100, 100)) == 2_000
    assert cap_for(60, Estimate(100_000, 100, 100)) == 60
