"""What two texts are compared by, how pairs are scored, and how they become clusters."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from embedhub.duplicates.candidates import CROWD, FIRST_OF_CROWD, pairs_in_bands
from embedhub.duplicates.canonical import Candidate, Policy, canonical_of
from embedhub.duplicates.clustering import clusters_of
from embedhub.duplicates.evidence import Evidence, compare
from embedhub.duplicates.facts import contradictions, facts_of
from embedhub.duplicates.fingerprinting import salted
from embedhub.duplicates.judging import Judged, Kind, Thresholds, judge
from embedhub.duplicates.learning import learn_weights
from embedhub.duplicates.nearness import LEAST, USUAL, semantic_threshold
from embedhub.duplicates.normalising import normalized, text_hash
from embedhub.duplicates.precision import bands_of, precision_above, threshold_for, wilson
from embedhub.duplicates.scoring import chance, score_of
from embedhub.duplicates.settings import Settings, changed_settings, read_settings
from embedhub.duplicates.traits import print_of, traits_of
from embedhub.duplicates.weights import WITH_VECTORS
from embedhub.errors import InvalidInput

TEXT = (
    "The survey found 1,250 galaxies within 300 Mpc of the cluster in March 2003. The redshift of"
    " the faint ones is not known, and their mass was measured with the instrument XR-7 over four"
    " nights. We compare the luminosity function with earlier work and discuss what follows for"
    " models of how such clusters form."
)
THRESHOLDS = Thresholds(automatic=0.9, review=0.5, semantic=0.9)


def evidence(left: str, right: str, cosine: float | None = None) -> Evidence:
    return compare(traits_of(left), traits_of(right), cosine=cosine)


def judged(left: str, right: str, cosine: float | None = None) -> Judged:
    found = judge(evidence(left, right, cosine), THRESHOLDS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Don\u2019t  stop", "don't stop"),
        ("<p>Fish &amp; <b>chips</b></p>", "fish & chips"),
        ("ﬁne caf\u0065\u0301", "FINE CAFÉ"),
        ("well\u2010known\u00a0fact", "well-known fact"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_copies_are_equal_whatever_their_form(left: str, right: str) -> None:
    assert text_hash(normalized(left)) == text_hash(normalized(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [("x < y", "x > y"), ("about <p_T> of jets", "about of jets"), ("C++", "C"), ("1.5", "15")],
)
def test_what_says_something_else_is_not_equal(left: str, right: str) -> None:
    assert normalized(left) != normalized(right)


@pytest.mark.parametrize("text", ["", "  \n\u200b ", "<p></p>"])
def test_an_empty_text_is_a_copy_of_none(text: str) -> None:
    traits = traits_of(text)
    assert traits.hash is None
    assert not len(traits.bands)
    assert score_of(compare(traits, traits), WITH_VECTORS) < 0.9


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("1,250", "1,280", "number"),
        ("2003", "2004", "number"),
        ("March", "April", "date"),
        ("300 Mpc", "300 kpc", "unit"),
        ("XR-7", "XR-9", "number"),
        ("XR-7", "XS-7", "code"),
        ("is not known", "is known", "negation"),
        ("measured with", "measured without", "negation"),
    ],
)
def test_a_changed_fact_is_for_people_however_alike_the_words_are(
    old: str, new: str, kind: str
) -> None:
    found = judged(TEXT, TEXT.replace(old, new), 0.999)
    assert kind in found.contradictions
    assert not found.is_automatic


def test_facts_in_another_writing_are_the_same() -> None:
    left = facts_of(normalized("It cost 1,000 dollars and didn't break in May 2004"))
    right = facts_of(normalized("IT COST 1000 dollars, and DIDN\u2019T break in May 2004..."))
    assert contradictions(left, right) == []


def test_a_near_copy_is_taken_by_itself_and_says_why() -> None:
    words = TEXT.split()
    copy = " ".join(word for place, word in enumerate(words) if place not in {20, 33, 41})
    found = judged(TEXT, f"Abstract: {copy} All rights reserved.", 0.97)
    assert found.kind is Kind.NEAR_COPY
    assert found.is_automatic
    assert found.score > 0.95
    shares = sum(part["share"] for part in found.parts)
    assert chance(WITH_VECTORS.base + shares) == pytest.approx(found.score, abs=0.01)
    assert any("%" in part["words"] for part in found.parts)


def test_other_words_of_one_meaning_are_shown_and_never_taken() -> None:
    found = judged("A cat sat upon a mat", "Some feline rested on the rug", 0.95)
    assert found.kind is Kind.SEMANTIC
    assert not found.is_automatic
    assert judge(evidence("A cat sat upon a mat", "The tax law changed", 0.1), THRESHOLDS) is None


def test_more_in_common_never_scores_less() -> None:
    base = evidence(TEXT, TEXT.replace("galaxies", "stars"), 0.9)
    for name in ("words", "letters", "containment", "numbers", "negation"):
        little: dict[str, Any] = {name: 0.2}
        much: dict[str, Any] = {name: 0.9}
        less, more = replace(base, **little), replace(base, **much)
        assert score_of(less, WITH_VECTORS) <= score_of(more, WITH_VECTORS)


def test_weights_are_learned_from_labels() -> None:
    near = [evidence(TEXT, TEXT.replace("survey", f"survey{n * 'x'}"), 0.9) for n in range(1, 9)]
    far = [evidence(TEXT, f"Another text about {n} cats and dogs", 0.2) for n in range(8)]
    weights = learn_weights([*near, *far], [True] * 8 + [False] * 8)
    assert min(weights.weights.values()) >= 0
    assert score_of(near[0], weights) > 0.9
    assert score_of(far[0], weights) < 0.1
    with pytest.raises(ValueError, match="both kinds"):
        learn_weights(near, [True] * 8)


def test_near_copies_meet_in_a_band_and_strangers_do_not() -> None:
    other = "Stocks fell on Monday as traders weighed new tariffs against strong earnings growth."
    copy = TEXT.replace("faint", "dim")
    bands = np.stack([traits_of(text).bands for text in (TEXT, other, copy)])
    assert pairs_in_bands(bands).tolist() == [[0, 2]]


def test_a_crowd_in_one_band_makes_few_pairs() -> None:
    n = 20 * CROWD
    bands = np.zeros((n, 1), np.int32)
    assert len(pairs_in_bands(bands)) <= FIRST_OF_CROWD * n


@pytest.mark.parametrize(("text", "title"), [(TEXT, ""), (TEXT, "A title"), ("", ""), ("one", "")])
def test_what_is_stored_of_a_text_is_what_others_are_compared_by(text: str, title: str) -> None:
    stored, traits = print_of(text, title), traits_of(text, title)
    assert (stored.hash, stored.n_words) == (traits.hash, traits.n_words)
    assert stored.bands.tolist() == traits.bands.tolist()


def test_bands_of_two_sets_are_not_equal_and_salt_comes_off() -> None:
    bands = [0, 1, -1, 2**31 - 1, -(2**31)]
    assert salted(salted(bands, 7), 7) == bands
    assert not set(salted(bands, 7)) & set(salted(bands, 8))


def test_clusters_are_joined_along_verified_pairs_and_copies_come_along() -> None:
    [cluster] = clusters_of({(1, 2): 0.95, (2, 3): 0.92}, scores={(1, 3): 0.7}, copies={1: [8, 9]})
    assert cluster.members == [1, 2, 3, 8, 9]
    assert cluster.weakest == 0.92
    assert cluster.n_pairs == 4


def test_a_chain_does_not_become_a_cluster() -> None:
    chain = {(n, n + 1): 0.95 for n in range(10)}
    found = clusters_of(chain)
    assert max(len(one.members) for one in found) <= 3
    assert sum(one.n_refused for one in found) > 0


@pytest.mark.parametrize("apart", [[(1, 3)], [(3, 1)]])
def test_rows_that_are_kept_apart_never_meet(apart: list[tuple[int, int]]) -> None:
    found = clusters_of({(1, 2): 0.99, (2, 3): 0.95}, scores={(1, 3): 0.9}, apart=apart)
    assert [one.members for one in found] == [[1, 2]]


def test_what_people_confirm_joins_whatever_the_centres_say() -> None:
    pairs = {(1, 2): 0.95, (3, 4): 0.95, (2, 3): 0.3}
    assert len(clusters_of(pairs)) == 2
    [cluster] = clusters_of(pairs, confirmed={(2, 3)})
    assert cluster.members == [1, 2, 3, 4]


def test_a_cluster_stays_under_its_cap_and_says_so() -> None:
    star = {(0, n): 0.95 for n in range(1, 30)}
    found = clusters_of(star, max_members=10)
    assert len(found[0].members) == 10
    assert found[0].is_capped
    [large] = clusters_of({}, copies={1: list(range(2, 50_000))}, max_members=10)
    assert len(large.members) == 49_999


def rows() -> list[Candidate]:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Candidate(1, 10, began, "blog"),
        Candidate(2, 30, began + timedelta(days=1), "wire"),
        Candidate(3, 20, began + timedelta(days=2), "press"),
    ]


@pytest.mark.parametrize(
    ("policy", "trusted", "expected"),
    [
        (Policy.LONGEST, (), 2),
        (Policy.NEWEST, (), 3),
        (Policy.TRUSTED, ("press", "blog"), 3),
        (Policy.TRUSTED, ("nobody",), 2),
        (Policy.MANUAL, (), 1),
    ],
)
def test_a_policy_chooses_the_row_that_stays(
    policy: Policy, trusted: Sequence[str], expected: int
) -> None:
    assert canonical_of(rows(), policy, trusted=trusted) == expected
    assert canonical_of(rows(), policy, trusted=trusted, chosen=1) == 1


def test_the_valley_between_two_hills_is_the_semantic_threshold() -> None:
    rng = np.random.default_rng(1)
    usual, copies = rng.normal(0.65, 0.04, 2_000), rng.normal(0.96, 0.01, 200)
    found = semantic_threshold(np.concatenate([usual, copies]).astype(np.float32))
    assert 0.8 <= found <= 0.94
    assert semantic_threshold(np.array([], np.float32)) == USUAL
    assert semantic_threshold(rng.normal(0.3, 0.05, 500).astype(np.float32)) == LEAST


def test_precision_is_estimated_from_decisions() -> None:
    pairs = [(19, "open", True, False, 100), (10, "open", False, False, 100)]
    bands = bands_of(pairs, [(19, True, 30), (10, True, 2), (10, False, 28)])
    assert bands[19].precision > 0.95
    assert bands[10].precision < 0.2
    low, high = bands[19].low, bands[19].high
    assert low is not None
    assert high is not None
    assert low < 1 == high
    above = precision_above(bands, 0.95)
    assert above is not None
    assert above > 0.95
    whole = precision_above(bands, 0.0)
    assert whole is not None
    assert whole < 0.65
    # Down to the band where pairs were refused.
    assert threshold_for(bands, 0.95) == pytest.approx(0.55)
    assert precision_above(bands_of([], []), 0.5) is None
    assert wilson(0, 0) is None


def test_settings_are_checked_and_read_back() -> None:
    made = changed_settings(Settings(), {"policy": "trusted", "trusted": ["wire"], "review": 0.4})
    assert read_settings(made.as_mapping()) == made
    for wanted in (
        {"automatic": 0.0},
        {"review": 0.99},
        {"policy": "loudest"},
        {"policy": "trusted"},
        {"trusted": [""]},
        {"max_members": 1},
    ):
        with pytest.raises(InvalidInput):
            changed_settings(Settings(), wanted)
