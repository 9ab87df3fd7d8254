"""The pure steps behind fusion."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embedhub.search.fusion import Ranked
from embedhub.search.ranking.adjusting import (
    FieldMatch,
    best_score,
    in_order,
    with_boosts,
    with_fields,
    with_recency,
)
from embedhub.search.ranking.curated import normalized_query
from embedhub.search.ranking.examples import moved
from embedhub.search.ranking.likeness import cosines, shingle_overlaps
from embedhub.search.ranking.reordering import behind, collapsed, diversified, pinned, reranked
from embedhub.search.ranking.settings import Boost, FieldWeights, Recency

DAY = 86_400.0


def candidates(*scores: float) -> list[Ranked]:
    return [Ranked(number, number, score) for number, score in enumerate(scores, start=1)]


def ids(ranked: list[Ranked]) -> list[int]:
    return [one.chunk_id for one in ranked]


def likeness(n: int, **pairs: float) -> NDArray[np.float32]:
    """Return a matrix of likeness: `_1_2=0.9` means that chunks 1 and 2 are 0.9 alike."""
    found = np.eye(n, dtype=np.float32)
    for name, value in pairs.items():
        left, right = (int(part) - 1 for part in name.strip("_").split("_"))
        found[left, right] = found[right, left] = value
    return found


def test_titles_and_headings_add_parts_of_the_best_score() -> None:
    (one,) = candidates(0.5)
    found = with_fields(one, FieldMatch(title=0.5, heading=1), FieldWeights(0.2, 0.1), best=2.0)
    assert found.score == pytest.approx(0.5 + 0.2 * 0.5 * 2 + 0.1 * 2)
    assert [step.kind for step in found.adjustments] == ["title", "heading"]
    assert with_fields(one, FieldMatch(), FieldWeights(1, 1), best=2.0) is one


def test_half_of_the_weight_is_lost_at_the_half_life() -> None:
    recency = Recency(half_life_days=30, weight=0.4)
    (one,) = candidates(1.0)

    def after(days: float) -> float:
        return with_recency(one, 1000 * DAY - days * DAY, recency, now=1000 * DAY).score

    assert after(0) == 1
    assert after(-5) == 1
    assert after(30) == pytest.approx(0.8)
    assert after(60) == pytest.approx(0.7)
    assert with_recency(one, None, recency, now=0).score == pytest.approx(0.6)


@pytest.mark.parametrize("score", [2.0, -2.0])
def test_age_and_small_factors_lower_whatever_the_sign(score: float) -> None:
    (one,) = candidates(score)
    assert with_recency(one, None, Recency(1), now=0).score < score
    boosts = [Boost({"a": 1}, factor=0.5), Boost({"b": 1}, factor=3)]
    assert with_boosts(one, frozenset([0]), boosts, best=2).score < score
    assert with_boosts(one, frozenset([1]), boosts, best=2).score > score
    assert with_boosts(one, frozenset(), boosts, best=2) is one


def test_boosts_apply_in_their_order_and_say_their_filter() -> None:
    boosts = [Boost({"a": 1}, factor=2), Boost({"b": 1}, offset=0.5)]
    found = with_boosts(candidates(1.0)[0], frozenset([0, 1]), boosts, best=4.0)
    assert [(step.before, step.after) for step in found.adjustments] == [(1, 2), (2, 4)]
    assert found.adjustments[0].detail == '{"a": 1}'


def test_the_best_score_is_the_largest_by_amount() -> None:
    assert best_score(candidates(-3, -1)) == 3
    assert best_score([]) == 0
    assert ids(in_order(candidates(1, 3, 3))) == [2, 3, 1]


def test_near_duplicates_are_folded_under_the_better_one() -> None:
    ranked = candidates(4, 3, 2, 1)
    alike = likeness(4, _1_3=0.97, _2_4=0.96, _3_4=0.99)
    found = collapsed(ranked, alike, 0.95)
    assert ids(found) == [1, 2]
    assert [ids(list(one.folded)) for one in found] == [[3], [4]]
    assert ids(collapsed(ranked, alike, 0.965)) == [1, 2, 4]


def test_what_was_shown_folds_and_what_is_not_compared_stays() -> None:
    ranked = candidates(4, 3, 2, 1)
    found = collapsed(ranked, likeness(3, _1_2=1, _1_3=0.1), 0.95, n_shown=1)
    assert ids(found) == [3, 4]


def test_diversity_takes_the_score_of_what_stands_there_already() -> None:
    ranked = candidates(1.0, 0.9, 0.5)
    found = diversified(ranked, likeness(3, _1_2=0.9), 0.5, best=1.0)
    assert ids(found) == [1, 3, 2]
    assert found[2].score == pytest.approx(0.9 - 0.5 * 0.9)
    assert "0.90 alike" in found[2].adjustments[0].detail
    assert ids(diversified(ranked, likeness(3, _1_2=0.9), 0.1, best=1.0)) == [1, 2, 3]


def test_scores_after_diversity_never_rise() -> None:
    random = np.random.default_rng(7)
    vectors = {n: random.normal(size=8).astype(np.float32) for n in range(1, 41)}
    ranked = in_order(candidates(*random.uniform(size=40)))
    found = diversified(ranked, np.maximum(cosines(vectors, ids(ranked)), 0), 0.7, best=1.0)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert sorted(ids(found)) == sorted(ids(ranked))


def test_a_reranker_is_blended_by_its_weight() -> None:
    window = candidates(2.0, 1.0)
    scores = {1: 0.1, 2: 0.9}
    assert ids(reranked(window, scores, 1.0, "r")) == [2, 1]
    half = reranked(window, scores, 0.5, "r")
    assert [one.score for one in half] == pytest.approx([0.7, 0.55])
    assert ids(reranked(window, scores, 0.0, "r")) == [1, 2]
    assert ids(reranked(window, {2: 0.2}, 1.0, "r")) == [2, 1]


def test_what_no_reranker_read_stands_behind_in_its_order() -> None:
    found = behind(candidates(0.9, 0.5))
    assert [one.score for one in found] == pytest.approx([0.0, -0.4])
    assert behind([]) == []


def test_pins_stand_on_top_with_the_best_score() -> None:
    first, second = candidates(0.1, 0.0)
    found = pinned([first, second], [Ranked(9, 9, 0.8)])
    assert ids(found) == [1, 2, 9]
    assert [one.score for one in found] == [0.8, 0.8, 0.8]
    assert found[0].adjustments[0].kind == "pinned"


def test_cosines_of_missing_vectors_are_0() -> None:
    vectors = {1: np.array([3, 0], np.float32), 2: np.array([0, 2], np.float32)}
    vectors[3] = np.array([1, 1], np.float32)
    found = cosines(vectors, [1, 2, 3, 4])
    assert found[0, 0] == 1
    assert found[0, 1] == 0
    assert found[0, 2] == pytest.approx(2**-0.5)
    assert not found[3].any()
    assert cosines({}, [1, 2]).shape == (2, 2)


def test_shingles_are_runs_of_three_words() -> None:
    texts = {1: "The quick brown fox!", 2: "the QUICK brown\nfox", 3: "the quick brown dog", 4: ""}
    found = shingle_overlaps(texts, [1, 2, 3, 4])
    assert found[0, 1] == 1
    assert found[0, 2] == pytest.approx(1 / 3)
    assert not found[3].any()
    chinese = {1: "东京塔很高", 2: "东京塔很低"}
    assert shingle_overlaps(chinese, [1, 2])[0, 1] == pytest.approx(2 / 4)


def test_examples_move_the_query_towards_and_away() -> None:
    east, north = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    towards = moved(east, [north], [], is_cosine=True)
    assert towards is not None
    assert towards[1] > 0.5
    assert np.linalg.norm(towards) == pytest.approx(1)
    away = moved(east, [], [north], is_cosine=True)
    assert away is not None
    assert away[1] < 0
    alone = moved(None, [north * 5], [], is_cosine=True)
    assert alone is not None
    assert alone.tolist() == [0, 1]
    assert moved(None, [], [north], is_cosine=True) is None
    assert moved(None, [], [], is_cosine=True) is None
    same = moved(east, [], [east, east], is_cosine=True)
    assert same is not None
    assert same.tolist() == pytest.approx([1, 0])


def test_case_width_and_spaces_of_a_query_do_not_matter() -> None:
    assert normalized_query("  Öffnungs-\tZEITEN ") == "öffnungs- zeiten"
    assert normalized_query("ＡＢＣ") == normalized_query("abc")
    assert normalized_query("STRASSE") == normalized_query("Straße")
