"""The arithmetic of anomalies, on small arrays."""

import numpy as np
import pytest

from embedhub.anomalies import fitting, lexical, nearness, surface
from embedhub.anomalies.calibration import normal_scores, quantile_grid, tail_shares
from embedhub.anomalies.explaining import Facts, reasons_of
from embedhub.anomalies.flagging import choose
from embedhub.anomalies.fusion import SIGNALS, Budget, Signal, fence_of, fuse, place_of
from embedhub.anomalies.memory import Recalled, closeness, examples_of, recalled_scores
from embedhub.anomalies.profile import from_stored, to_stored
from embedhub.anomalies.setting import Setting, as_stored, changed, setting_of
from embedhub.errors import InvalidInput
from tests.anomalies.seed import SPAM, usual_texts


def rows_of(texts: list[str], **given: object) -> fitting.Rows:
    words = [lexical.words_of(text) for text in texts]
    columns: dict[str, object] = {
        "ids": np.arange(10, 10 + len(texts)),
        "features": np.array([surface.features(*p) for p in zip(texts, words, strict=True)]),
        "bags": lexical.bags_of(words),
        "languages": ["english"] * len(texts),
        "arrived_s": np.zeros(len(texts)),
        "labels": np.full(len(texts), -1),
        "is_usual": np.ones(len(texts), dtype=bool),
    }
    return fitting.Rows(**columns | given)  # type: ignore[arg-type]


def fitted_to(texts: list[str], **given: object) -> fitting.Fitted:
    return fitting.fit(rows_of(texts, **given), None, now_s=0.0, tell=lambda *_: None)


def test_a_share_is_of_the_rows_that_are_as_high() -> None:
    grid = quantile_grid(np.arange(1_000.0))
    shares = tail_shares(grid, np.array([-5.0, 499.5, 990.0, 5_000.0, np.nan]), 1_000)
    assert shares == pytest.approx([1.0, 0.5, 0.009, 1 / 1_001, 1.0], abs=0.002)
    alike = quantile_grid(np.zeros(50))
    assert tail_shares(alike, np.array([0.0, 1.0]), 50).tolist() == [1.0, 1 / 51]
    assert normal_scores(alike, np.array([0.0]))[0] == pytest.approx(0.0)


def test_an_odd_looking_text_is_told_by_its_looks_without_vectors() -> None:
    fitted = fitted_to([*usual_texts(80), SPAM % 7])
    assert fitted.scores.argmax() == 80
    assert fitted.scores[80] > fitted.profile.fence
    looks = fitted.profile.looks
    own = surface.features(SPAM % 7, lexical.words_of(SPAM % 7))
    scores = looks.scores(np.append(own, [0.0, 0.0])[None, :])[0]
    assert "full of capitals" in surface.words_for(scores)


def test_nothing_stands_out_among_identical_rows_one_row_or_empty_texts() -> None:
    for texts in (["the same words"] * 40, ["alone"], [""] * 5, ["", "one"]):
        fitted = fitted_to(texts)
        assert np.isfinite(fitted.scores).all()
        assert not (fitted.scores > fitted.profile.limit(0.5)).any(), texts


def test_a_stored_profile_judges_as_it_did() -> None:
    profile = fitted_to([*usual_texts(60), SPAM % 1]).profile
    facts, arrays = to_stored(profile)
    again = from_stored(facts, arrays)
    bags = lexical.bags_of([lexical.words_of(SPAM % 2)])
    own = surface.features(SPAM % 2, lexical.words_of(SPAM % 2))[None, :]
    values = [
        one.looks.distances(one.all_features(own, bags, ["english"])) for one in (profile, again)
    ]
    assert values[0] == pytest.approx(values[1])
    assert again.limit(0.01) == profile.limit(0.01)
    assert again.fence == profile.fence


def test_confirmed_rows_make_nothing_usual() -> None:
    texts = [*usual_texts(60), *[SPAM % 1] * 30]
    is_usual = np.arange(90) < 60
    mixed, taught = fitted_to(texts), fitted_to(texts, is_usual=is_usual)
    assert taught.tails[75, place_of(Signal.LOOKS)] < mixed.tails[75, place_of(Signal.LOOKS)]
    assert taught.scores[75] > taught.profile.fence > 0


def test_small_groups_are_far_from_most_rows_though_near_to_themselves() -> None:
    rng = np.random.default_rng(1)
    usual = rng.normal([1, 0, 0], 0.1, (200, 3))
    odd = rng.normal([0, 1, 0], 0.001, (5, 3))
    vectors = np.vstack([usual, odd]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    far = np.concatenate(list(nearness.far_distances(vectors, vectors, np.arange(205))))
    assert far[200:].min() > far[:200].max()
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    near = nearness.near_distances(-np.sort(-cosines, 1)[:, :3], np.ones((205, 3), dtype=bool))
    assert near[200:].max() < np.median(near[:200])


def test_labels_bursts_and_local_ratios_come_from_neighbors() -> None:
    neighbors = np.array([[1, 2], [0, 2], [0, 1], [-1, -1]])
    labels = np.array([0, 1, 1, 1])
    found = nearness.label_disagreement(labels, neighbors)
    assert found[:3].tolist() == [1.0, 0.5, 0.5]
    assert np.isnan(found[3])
    similar = np.array([[0.99, 0.5], [0.99, 0.5], [0.5, 0.5], [-np.inf, -np.inf]], np.float32)
    moments = np.array([0.0, 60.0, 90.0, 1e6])
    bursts, n_same = nearness.bursts(neighbors, similar, moments)
    assert n_same.tolist() == [1, 1, 0, 0]
    assert bursts[0] == pytest.approx(0.25)  # three of four rows came at that time
    assert nearness.bursts(neighbors, similar, np.zeros(4))[0].tolist() == [0, 0, 0, 0]
    ratios = nearness.local_ratios(np.array([0.4, 0.1, 0.1, np.nan]), neighbors)
    assert ratios[0] == pytest.approx(4.0)
    assert np.isnan(ratios[3])


def test_decisions_move_scores_of_rows_like_them() -> None:
    texts = [*usual_texts(30), SPAM % 1, SPAM % 2]
    bags = lexical.bags_of([lexical.words_of(text) for text in texts])
    vocabulary = lexical.Vocabulary(bags.document_frequencies(), len(texts))
    example = examples_of([b"x"], bags.rows(np.array([30])), vocabulary, None)
    hashes = [str(i).encode() for i in range(31)] + [b"x"]
    near = closeness(
        example, hashes, bags, None, vocabulary, usual_similarity=0.5, usual_overlap=0.5
    )
    assert near[:30].max() == 0.0
    assert near[30] == pytest.approx(1.0)
    assert near[31] == 1.0  # the same text, whatever its words say
    scores = np.array([8.0, 8.0, 2.0])
    nothing, something = np.zeros(3), np.array([1.0, 0.0, 1.0])
    accepted = recalled_scores(scores, Recalled(something, nothing), 5.0)
    assert accepted.tolist() == [0.0, 8.0, 0.0]
    confirmed = recalled_scores(scores, Recalled(nothing, something), 5.0)
    assert (confirmed[[0, 2]] > 5.0).all()


def test_a_budget_leaves_the_least_odd_out() -> None:
    ids, ranks = np.arange(6), np.array([1.0, 9, 8, 7, 6, 5])
    chosen = choose(ranks, 4.0, ids, decided=frozenset({1}), held={5}, room=2)
    assert ids[chosen].tolist() == [2, 3, 5]
    assert Budget(share=0.01).room(n_rows=1_000, n_open=4, n_of_day=99) == 6
    assert Budget(share=None, per_day=5).room(n_rows=1_000, n_open=99, n_of_day=3) == 2
    assert Budget(share=None, per_day=5).share_of(rows_per_day=100) == 0.05
    scores = np.random.default_rng(1).exponential(size=5_000)
    assert (scores > fence_of(scores)).mean() < 0.01


def test_reasons_are_words_with_the_share_of_rows_behind_them() -> None:
    tails = np.ones(len(SIGNALS))
    values = np.full(len(SIGNALS), 0.5)
    tails[place_of(Signal.WORDS)], tails[place_of(Signal.NEAR)] = 0.001, 0.01
    facts = Facts(values, tails, np.zeros(13), ["xylograph"], confirmed=0.5)
    confirmed, words, near = reasons_of(facts)
    assert (confirmed["signal"], words["signal"], near["signal"]) == ("confirmed", "words", "near")
    assert words["percentile"] == 99.9
    assert "xylograph (more than 99.9 % of the rows, 1 in 1,000)" in words["words"]
    assert fuse(tails[None, :])[0] == pytest.approx(-np.log(0.001 * 0.01))


@pytest.mark.parametrize(
    ("wished", "field"),
    [
        ({"budget": {}}, "budget"),
        ({"budget": {"share": 0.1, "per_day": 3}}, "budget"),
        ({"budget": {"share": 0.9}}, "budget.share"),
        ({"budget": {"per_day": 0}}, "budget.per_day"),
        ({"detector": "lof"}, "detector"),
        ({"limit": 2}, "limit"),
        ({"label_field": "x" * 200}, "label_field"),
        ({"contamination": 0.1}, "contamination"),
    ],
)
def test_settings_that_cannot_be_are_named(wished: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        changed(Setting(), wished)
    assert refused.value.field == field


def test_a_setting_survives_being_stored() -> None:
    setting = changed(Setting(), {"budget": {"per_day": 3}, "label_field": "topic"})
    assert setting_of(as_stored(setting)) == setting
