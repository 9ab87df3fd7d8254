"""Classifiers on small arrays: as scikit-learn fits them, calibrated, stored as arrays."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from embedhub.labels.asking import clusters_of, informativeness, one_of_each
from embedhub.labels.calibration import calibration_error, temperature_for
from embedhub.labels.classifier import Classifier, classifier_from
from embedhub.labels.confident_learning import suspects_of
from embedhub.labels.described import describe, text_of
from embedhub.labels.features import Features, Floats, Integers, learn_words
from embedhub.labels.gate import verdict
from embedhub.labels.metrics import figures_of
from embedhub.labels.regression import fit, log_probabilities
from embedhub.labels.rejection import learn_rejection, similarities_of
from embedhub.labels.training import Wishes, train
from embedhub.labels.validation import Rows, folds_of, sample

N_LABELS, DIMENSION = 4, 16


def rows_around(n: int, seed: int, spread: float = 0.6) -> tuple[Floats, Integers]:
    """Return unit vectors scattered around one direction a label."""
    random = np.random.default_rng(seed)
    centers = np.random.default_rng(0).normal(size=(N_LABELS, DIMENSION))
    labels = random.integers(N_LABELS, size=n)
    found = centers[labels] + spread * np.sqrt(DIMENSION) * random.normal(size=(n, DIMENSION)) / 2
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), labels


def trained_on(n: int = 160, spread: float = 0.6) -> tuple[Classifier, Rows]:
    vectors, labels = rows_around(n, seed=1, spread=spread)
    texts = [f"word{label} and another" for label in labels]
    rows = Rows(vectors, texts, labels, N_LABELS)
    done = train(rows, list("abcd"), np.arange(n) + 100, Wishes(), lambda _: None)
    return done.classifier, rows


@pytest.mark.parametrize("c", [1.0, 30.0])
def test_the_regression_is_scikit_learns(c: float) -> None:
    vectors, labels = rows_around(120, seed=2)
    ours = fit(Features(vectors), labels, N_LABELS, c=c)
    theirs = LogisticRegression(C=c, max_iter=2_000, tol=1e-8).fit(vectors, labels)
    found = np.exp(log_probabilities(ours.logits(Features(vectors))))
    assert np.abs(found - theirs.predict_proba(vectors)).max() < 0.01


def test_sparse_columns_count_as_dense_ones_do() -> None:
    vectors, labels = rows_around(60, seed=3)
    texts = [f"thing{label} said" for label in labels]
    words = learn_words(texts, N_LABELS).weigh(texts)
    dense = Features(np.hstack([vectors, words.toarray()]).astype(np.float32))
    both, one = (
        fit(features, labels, N_LABELS, c=4.0).logits(features)
        for features in (Features(vectors, words), dense)
    )
    assert np.allclose(both, one, atol=0.05)


def test_labels_count_alike_when_balanced() -> None:
    vectors, labels = rows_around(400, seed=4, spread=1.2)
    is_kept = (labels == 0) | (np.arange(400) % 8 == 0)
    vectors, labels = vectors[is_kept], labels[is_kept]
    plain, alike = (
        fit(Features(vectors), labels, N_LABELS, c=1.0, balance=balance).logits(Features(vectors))
        for balance in (False, True)
    )
    assert (alike.argmax(axis=1) == 0).sum() < (plain.argmax(axis=1) == 0).sum()


def test_a_classifier_is_the_same_after_it_was_stored() -> None:
    classifier, rows = trained_on()
    assert classifier.words is not None
    again = classifier_from(classifier.labels, classifier.settings, classifier.arrays)
    first, second = (
        one.classify(rows.vectors, rows.texts, rows.vectors) for one in (classifier, again)
    )
    assert np.array_equal(first.top, second.top)
    assert np.allclose(first.probabilities, second.probabilities, atol=1e-3)
    assert np.array_equal(first.is_rejected, second.is_rejected)


def test_what_is_far_from_every_row_is_rejected_and_what_is_near_is_not() -> None:
    classifier, rows = trained_on()
    reference = rows.vectors[classifier.reference_ids - 100]
    near = classifier.classify(rows.vectors, rows.texts, reference)
    assert near.is_rejected.mean() < 0.1
    random = np.random.default_rng(5).normal(size=(200, DIMENSION)).astype(np.float32)
    far = random - rows.vectors.mean(axis=0) * 6
    far /= np.linalg.norm(far, axis=1, keepdims=True)
    said = classifier.classify(far, ["unheard"] * 200, reference)
    assert said.is_rejected.mean() > 0.8
    without = classifier.classify(far, ["unheard"] * 200)
    assert np.isnan(without.similarities).all()


def test_probabilities_are_calibrated_but_never_certain_of_a_few_rows() -> None:
    vectors, labels = rows_around(2_000, seed=6, spread=1.4)
    half = len(labels) // 2
    fitted = fit(Features(vectors[:half]), labels[:half], N_LABELS, c=1_000.0)
    logits = 5 * fitted.logits(Features(vectors[half:]))
    temperature = temperature_for(logits, labels[half:])
    assert temperature > 2
    before, after = (calibration_error(logits, labels[half:], t) for t in (1.0, temperature))
    assert after < 0.5 * before
    # Four rows that are right by far say little of the fifth.
    few = np.eye(4, dtype=np.float32) * 3
    likeliest = np.exp(log_probabilities(few, temperature_for(few, np.arange(4)))).max()
    assert likeliest < 0.95


def test_every_fold_has_rows_of_every_label() -> None:
    labels = np.repeat(np.arange(5), [50, 10, 5, 2, 1])
    folds = folds_of(labels, 5)
    assert all(len(np.unique(folds[labels == label])) == 5 for label in (0, 1, 2))
    assert len(np.unique(folds[labels == 3])) == 2


def test_a_sample_keeps_some_of_every_label() -> None:
    labels = np.repeat(np.arange(3), [900, 90, 10])
    counts = np.bincount(labels[sample(labels, 100)])
    assert counts.tolist() == [90, 9, 2]
    assert len(sample(labels, 5_000)) == 1_000


def test_swapped_labels_are_suspected() -> None:
    _, labels = rows_around(400, seed=7)
    wrong = labels.copy()
    swapped = np.random.default_rng(8).choice(400, 12, replace=False)
    wrong[swapped] = (wrong[swapped] + 1) % N_LABELS
    probabilities = np.full((400, N_LABELS), 0.02)
    probabilities[np.arange(400), labels] = 0.94
    found = suspects_of(probabilities, wrong, at_most=50)
    assert set(found.places.tolist()) == set(swapped.tolist())
    assert np.array_equal(found.suggested, labels[found.places])
    assert len(suspects_of(probabilities, wrong, at_most=3).places) == 3


def test_too_little_to_learn_from_says_what_is_missing() -> None:
    vectors, _ = rows_around(4, seed=9)
    for labels, words in (
        ([0, 0, 0, 0], "at least two labels"),
        ([0, 1, 2, 3], "every label has one row only"),
    ):
        rows = Rows(vectors, [], np.array(labels), N_LABELS)
        with pytest.raises(ValueError, match=words):
            train(rows, list("abcd"), np.arange(4), Wishes(), lambda _: None)


def test_a_label_with_a_single_row_is_learned_but_not_checked() -> None:
    vectors, labels = rows_around(60, seed=10)
    labels[labels == 3] = 0
    labels[7] = 3
    rows = Rows(vectors, [], labels, N_LABELS)
    done = train(rows, list("abcd"), np.arange(60), Wishes(), lambda _: None)
    assert done.metrics["n_unchecked"] == 1
    assert done.metrics["n_checked"] == 59
    assert done.classifier.labels == ("a", "b", "c", "d")


def test_rows_alike_are_all_kept() -> None:
    same = np.tile(np.eye(1, DIMENSION, dtype=np.float32), (20, 1))
    labels = np.arange(20) % 2
    rows = Rows(same, [], labels, 2)
    done = train(rows, ["a", "b"], np.arange(20), Wishes(), lambda _: None)
    said = done.classifier.classify(same, [], same)
    assert not said.is_rejected.any()
    assert done.metrics["accuracy"] <= 0.6


def test_the_gate_wants_more_than_the_most_frequent_label_and_no_less_than_the_live_one() -> None:
    assert verdict(0.8, 0.5, 1_000, None).is_better
    assert not verdict(0.5, 0.5, 1_000, None).is_better
    assert verdict(0.795, 0.5, 1_000, 0.8).is_better
    refused = verdict(0.7, 0.5, 1_000, 0.8)
    assert not refused.is_better
    assert "70.0% right" in refused.reason
    assert "80.0%" in refused.reason


def test_figures_say_which_label_was_taken_for_which() -> None:
    wanted, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 1, 0])
    found = figures_of(["a", "b", "c"], wanted, predicted)
    assert found["accuracy"] == 0.5
    assert found["baseline_accuracy"] == 0.5
    assert found["confused"][0] == {"label": "a", "predicted": "b", "n_rows": 2}
    assert found["by_label"][2] == {"label": "c", "n_rows": 1, "precision": 0.0, "recall": 0.0}


def test_doubtful_rows_in_crowds_are_asked_first_and_one_of_each_kind() -> None:
    scores = informativeness(np.array([0.1, 0.1, 0.9, 0.5]), np.array([0.9, 0.2, 0.9, 0.9]))
    assert scores.argmax() == 0
    groups = np.array([0, 0, 1, 1, 2])
    chosen = one_of_each(np.array([0.9, 0.8, 0.3, 0.2, 0.1]), groups, 4)
    assert chosen.tolist() == [0, 2, 4, 1]
    vectors, labels = rows_around(80, seed=11, spread=0.1)
    clusters = clusters_of(vectors, N_LABELS)
    assert all(len(np.unique(clusters[labels == label])) == 1 for label in range(N_LABELS))
    assert len(np.unique(clusters_of(np.tile(vectors[:1], (9, 1)), 3))) <= 3


def test_descriptions_alone_predict() -> None:
    vectors, labels = rows_around(80, seed=12, spread=0.3)
    centers = np.stack([vectors[labels == label].mean(axis=0) for label in range(N_LABELS)])
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    classifier = describe(list("abcd"), centers.astype(np.float32))
    said = classifier.classify(vectors, [])
    assert (said.top[:, 0] == labels).mean() > 0.95
    again = classifier_from(classifier.labels, classifier.settings, classifier.arrays)
    base = np.linalg.qr(centers.T)[0]
    beside = (vectors - vectors @ base @ base.T).astype(np.float32)
    assert again.classify(beside, []).is_rejected.all()
    assert text_of("card_arrival", " ") == "card arrival"


def test_similarities_leave_the_row_itself_out() -> None:
    vectors, _ = rows_around(12, seed=13)
    own = np.arange(12)
    assert (similarities_of(vectors, vectors, nearest=1) > 0.999).all()
    assert (similarities_of(vectors, vectors, nearest=1, leave_out=own) < 0.999).all()
    assert np.isnan(similarities_of(vectors[:1], vectors[:1], leave_out=np.array([0]))).all()
    nothing = np.full(3, np.nan)
    kept = learn_rejection(np.zeros(3), nothing, np.array([True, True, False]))
    assert np.isfinite(kept.threshold)
