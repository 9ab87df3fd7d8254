"""Metrics as trec_eval computes them, held against figures worked out by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedhub.evaluation import judged
from embedhub.evaluation.metrics import measure, metric_names

RELEVANT = {"a": 3, "b": 1, "c": 0}
IDEAL = 3 / math.log2(2) + 1 / math.log2(3)


def one(ranking: list[str], relevance: dict[str, int], k: int = 10) -> dict[str, float]:
    return measure({"q": relevance}, {"q": ranking}, k=k, depth=100)["q"]


def test_figures_by_hand() -> None:
    found = one(["x", "b", "a"], RELEVANT)
    assert found["ndcg@10"] == pytest.approx((1 / math.log2(3) + 3 / math.log2(4)) / IDEAL)
    assert found["mrr"] == 0.5
    assert found["map"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert (found["recall@10"], found["success@10"]) == (1, 1)
    assert one(["x", "b", "a"], RELEVANT, k=1)["success@1"] == 0


def test_the_ideal_list_is_made_of_all_judgments() -> None:
    relevance = {str(i): 1 for i in range(30)}
    ideal = sum(1 / math.log2(i + 1) for i in range(1, 11))
    assert one(["0"], relevance)["ndcg@10"] == pytest.approx(1 / ideal)


def test_no_hits_count_as_zero_and_nothing_relevant_is_not_measured() -> None:
    judgments = {"found": {"a": 1}, "empty": {"a": 1}, "nothing": {"a": 0}, "bare": {}}
    figures = measure(judgments, {"found": ["a"], "empty": []}, k=10, depth=100)
    assert set(figures) == {"found", "empty"}
    assert set(figures["empty"].values()) == {0.0}
    assert measure({"nothing": {"a": 0}}, {}, k=10, depth=10) == {}


def test_equal_places_are_never_ties() -> None:
    """trec_eval orders equal scores by id: here every place has its own, whatever the ids are."""
    for ranking in (["z", "a"], ["a", "z"]):
        assert one(ranking, {"a": 1})["mrr"] == 1 / (ranking.index("a") + 1)


def test_a_list_is_looked_at_down_to_its_depth() -> None:
    ranking = [f"x{i}" for i in range(5)] + ["a"]
    assert measure({"q": {"a": 1}}, {"q": ranking}, k=5, depth=5)["q"]["mrr"] == 0
    assert measure({"q": {"a": 1}}, {"q": ranking}, k=5, depth=6)["q"]["mrr"] == 1 / 6
    assert metric_names(5, 5)[-1] == "map"
    assert metric_names(5, 6)[-1] == "recall@6"


# Without a deadline: a loaded machine would fail what is right.
@settings(deadline=None)
@given(
    st.permutations("abcdefgh"),
    st.dictionaries(st.sampled_from("abcdxyz"), st.integers(0, 4)).filter(
        lambda relevance: any(relevance.values())
    ),
)
def test_the_library_agrees_with_the_definition(
    ranking: list[str], relevance: dict[str, int]
) -> None:
    found = one(ranking, relevance, k=5)
    assert found["ndcg@5"] == pytest.approx(judged.ndcg(ranking, relevance, 5))
    assert found["recall@5"] == pytest.approx(judged.recall(ranking, relevance, 5))
