"""Training a classifier on labelled rows, and checking it on rows it has not seen; pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.labels.calibration import calibration_error, temperature_for
from embedhub.labels.classifier import Classifier
from embedhub.labels.confident_learning import Suspects, suspects_of
from embedhub.labels.features import Floats, Integers
from embedhub.labels.metrics import figures_of, rounded
from embedhub.labels.regression import log_probabilities
from embedhub.labels.rejection import (
    REJECTED_SHARE,
    confidences_of,
    learn_rejection,
    similarities_of,
)
from embedhub.labels.validation import (
    Recipe,
    Rows,
    Tell,
    accuracy_of,
    choose,
    fit_recipe,
    log_loss_of,
    out_of_fold,
    sample,
)

# Rows whose vectors say how far away a new one is.
REFERENCE_ROWS = 10_000
MAX_SUSPECTS = 1_000


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to train: words yes, no or as cross-validation says (None); labels counted alike or not.

    `rejected_share` is the share of rows with a right label that may be rejected.
    """

    words: bool | None = None
    balance: bool = False
    rejected_share: float = REJECTED_SHARE


@dataclass(frozen=True)
class Trained:
    """A classifier with the recipe it was made by, its figures and the rows it doubts."""

    classifier: Classifier
    recipe: Recipe
    metrics: dict[str, Any]
    suspects: Suspects


def train(
    rows: Rows, labels: Sequence[str], node_ids: Integers, wishes: Wishes, tell: Tell
) -> Trained:
    """Return a classifier of these rows; figures are of rows that the judged one has not seen.

    `labels` are called in the order of their numbers. A label with one row is learned but cannot
    be checked. Raises ValueError without two labels, or if no label has two rows.
    """
    require_enough(rows)
    words = (False, True) if wishes.words is None else (wishes.words,)
    tried = choose(
        rows, tell, may_have_words=words if any(rows.texts) else (False,), balance=wishes.balance
    )
    recipe = tried[0].recipe
    logits = out_of_fold(rows, recipe, tell)
    checked = checked_rows(rows)
    temperature = temperature_for(logits[checked], rows.labels[checked])
    tell("training on all rows")
    coefficients, known_words = fit_recipe(rows, recipe)
    reference = sample(rows.labels, REFERENCE_ROWS)
    own = np.full(len(rows), -1, np.int64)
    own[reference] = np.arange(len(reference))
    tell("measuring how far apart rows are")
    similarities = similarities_of(rows.vectors, rows.vectors[reference], leave_out=own)
    confidences = confidences_of(logits, temperature)
    is_right = logits.argmax(axis=1) == rows.labels
    rejection = learn_rejection(
        confidences[checked],
        similarities[checked],
        is_right[checked],
        share=wishes.rejected_share,
    )
    scores = rejection.scores(
        confidences, np.where(np.isfinite(similarities), similarities, rejection.similarity_mean)
    )
    metrics = figures(labels, rows.labels[checked], logits[checked], temperature)
    is_kept = scores[checked] >= rejection.threshold
    metrics |= {
        "rejected_share": rounded(float(1 - is_kept.mean())),
        "accuracy_of_kept": rounded(float(is_right[checked][is_kept].mean())),
        "n_unchecked": int(len(rows) - len(checked)),
        "tried": [asdict(one.recipe) | {"accuracy": rounded(one.accuracy)} for one in tried],
    }
    probabilities = np.exp(log_probabilities(logits[checked], temperature)).astype(np.float64)
    found = suspects_of(probabilities, rows.labels[checked], at_most=MAX_SUSPECTS)
    return Trained(
        Classifier(
            tuple(labels), coefficients, temperature, rejection, known_words, node_ids[reference]
        ),
        recipe,
        metrics,
        Suspects(
            checked[found.places], found.suggested, found.confidence, found.suggested_probability
        ),
    )


def figures(
    labels: Sequence[str], wanted: Integers, logits: Floats, temperature: float
) -> dict[str, Any]:
    """Return how well logits of unseen rows predict their labels."""
    return figures_of(labels, wanted, logits.argmax(axis=1).astype(np.int64)) | {
        "log_loss": rounded(log_loss_of(logits, wanted, temperature)),
        "calibration_error": rounded(calibration_error(logits, wanted, temperature)),
        "n_checked": len(wanted),
    }


def judge_recipe(rows: Rows, recipe: Recipe, tell: Tell) -> float:
    """Return the accuracy of another recipe on the rows and folds that `train` is judged by."""
    checked = checked_rows(rows)
    return accuracy_of(out_of_fold(rows, recipe, tell)[checked], rows.labels[checked])


def checked_rows(rows: Rows) -> Integers:
    """Return places of the rows that another one of the same label is left for when held out."""
    counts = np.bincount(rows.labels, minlength=rows.n_labels)
    found: NDArray[np.int64] = np.flatnonzero(counts[rows.labels] > 1)
    return found


def require_enough(rows: Rows) -> None:
    """Raise ValueError, saying what is missing, where no classifier can be trained and checked."""
    counts = np.bincount(rows.labels, minlength=rows.n_labels) if len(rows) else np.zeros(0)
    n_labels = int(np.count_nonzero(counts))
    if n_labels < 2:
        found = "every labelled row has the same label" if n_labels else "no row has a label"
        raise ValueError(f"{found}: label rows of at least two labels")
    if not (counts > 1).any():
        raise ValueError(
            "every label has one row only, which leaves none to check a classifier with: label a"
            " second row of some labels"
        )
