"""From scores to places: near-duplicates, diversity, rules; pure."""

import numpy as np
import pytest

from embedhub.recommend.candidates import Candidate, Parts
from embedhub.recommend.ordering import Manner, order
from embedhub.recommend.reasons import reasons_of, strongest
from embedhub.recommend.request import Kind, ReasonKind
from embedhub.recommend.rules.rule import read_rules

RANKED = [Candidate(n, f"i{n}", 1.0 - n / 10) for n in range(6)]
NORTH, EAST = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def places(manner: Manner, k: int = 6) -> list[int]:
    return [one.candidate.item_id for one in order(RANKED, manner, k).placing.placed]


def test_without_anything_the_order_is_that_of_scores() -> None:
    assert places(Manner()) == [0, 1, 2, 3, 4, 5]


def test_near_duplicates_fold_into_the_better_one() -> None:
    contents = {0: NORTH, 2: NORTH, 3: EAST, 5: np.array([0.9, 0.1]), 1: EAST}
    ordered = order(RANKED, Manner(likeness=0.99, contents=contents), 6)
    assert [one.candidate.item_id for one in ordered.placing.placed] == [0, 1, 4]
    folded = {key: [one.item_id for one in group] for key, group in ordered.collapsed.items()}
    assert folded == {0: [2, 5], 1: [3]}
    assert ordered.diversity is not None
    assert ordered.diversity.n_collapsed == 3


def test_a_pinned_item_is_no_duplicate() -> None:
    rules = read_rules([{"action": "pin", "item": "i2", "position": 1}], {})
    contents = {0: NORTH, 2: NORTH}
    assert places(Manner(rules=rules, likeness=0.99, contents=contents))[:2] == [2, 0]


@pytest.mark.parametrize(("relevance", "second"), [(1.0, 1), (0.3, 3)])
def test_diversity_takes_what_is_unlike_and_tells_its_cost(relevance: float, second: int) -> None:
    looks = dict.fromkeys(range(6), NORTH) | {3: EAST}
    ordered = order(RANKED, Manner(relevance=relevance, looks=looks), 2)
    assert [one.candidate.item_id for one in ordered.placing.placed] == [0, second]
    if ordered.diversity is not None:
        assert ordered.diversity.score_kept == pytest.approx((1 + 0.4) / (1 + 0.8))


def test_the_first_places_of_a_longer_list_are_the_shorter_one() -> None:
    rng = np.random.default_rng(5)
    looks = {n: rng.normal(size=4) for n in range(6)}
    manner = Manner(relevance=0.5, looks=looks, seed=9)
    assert places(manner, 6)[:3] == places(manner, 3)


def test_reasons_add_up_and_the_strongest_speak_for_the_item() -> None:
    parts = Parts(history={7: 0.5, 8: -0.2}, content=0.1, popularity=0.3)
    reasons = reasons_of(parts, (), {7: "alien", 8: "heat"}, Kind.PERSONAL)
    assert sum(one.score for one in reasons) == pytest.approx(parts.total)
    assert [one.kind for one in strongest(reasons)] == [
        ReasonKind.HISTORY,
        ReasonKind.POPULARITY,
        ReasonKind.CONTENT,
    ]
    assert reasons[0].item == "alien"
