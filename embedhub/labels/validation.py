"""Cross-validation: which settings are best, what classifiers say of rows they never saw; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.labels.features import Features, Floats, Integers, Words, learn_words
from embedhub.labels.regression import Coefficients, fit, log_probabilities

STRENGTHS = (1.0, 4.0, 16.0, 64.0)
FOLDS = 5
# To choose settings by: fewer folds, and rows enough to tell settings apart.
CHOOSING_FOLDS = 3
CHOOSING_ROWS = 6_000
SEED = 7

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Rows:
    """What there is to learn from: unit vectors, texts (none where words do not count), labels."""

    vectors: Floats
    texts: Sequence[str]
    labels: Integers
    n_labels: int

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: Integers) -> "Rows":
        """Return these rows alone."""
        texts = [self.texts[place] for place in places] if self.texts else []
        return Rows(self.vectors[places], texts, self.labels[places], self.n_labels)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a training: the strength C, whether words count, labels counted alike or not."""

    c: float
    has_words: bool
    balance: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """How a recipe did on rows it was not fitted on."""

    recipe: Recipe
    accuracy: float
    log_loss: float


def folds_of(labels: Integers, n_folds: int, *, seed: int = SEED) -> Integers:
    """Return the fold of each row, from 0: the rows of each label are spread evenly over all."""
    random = np.random.default_rng(seed)
    found = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        found[places] = (np.arange(len(places)) + random.integers(n_folds)) % n_folds
    return found


def features_of(rows: Rows, words: Words | None) -> Features:
    """Return what a classifier that knows these words sees of rows."""
    return Features(rows.vectors, None if words is None else words.weigh(rows.texts))


def fit_recipe(rows: Rows, recipe: Recipe) -> tuple[Coefficients, Words | None]:
    """Return a classifier fitted on all rows by a recipe, with the words it knows."""
    words = learn_words(rows.texts, rows.n_labels) if recipe.has_words else None
    fitted = fit(
        features_of(rows, words), rows.labels, rows.n_labels, c=recipe.c, balance=recipe.balance
    )
    return fitted, words


def out_of_fold(rows: Rows, recipe: Recipe, tell: Tell, *, n_folds: int = FOLDS) -> Floats:
    """Return the logits of every row by classifiers that were fitted without its fold."""
    fold = folds_of(rows.labels, n_folds)
    found = np.zeros((len(rows), rows.n_labels), np.float32)
    for number in range(n_folds):
        tell(f"checking on part {number + 1} of {n_folds}")
        held, kept = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if not len(held) or not len(kept):
            continue
        fitted, words = fit_recipe(rows.at(kept), recipe)
        found[held] = fitted.logits(features_of(rows.at(held), words))
    return found


def choose(
    rows: Rows,
    tell: Tell,
    *,
    may_have_words: Sequence[bool] = (False, True),
    strengths: Sequence[float] = STRENGTHS,
    balance: bool = False,
) -> list[Tried]:
    """Return the recipes tried, best first: by accuracy, then by log loss.

    More than some thousand rows are tried on a sample that keeps the shares of the labels.
    """
    sampled = rows.at(sample(rows.labels, CHOOSING_ROWS))
    fold = folds_of(sampled.labels, CHOOSING_FOLDS)
    logits: dict[Recipe, Floats] = {
        Recipe(c, has_words, balance): np.zeros((len(sampled), rows.n_labels), np.float32)
        for has_words in may_have_words
        for c in strengths
    }
    for number in range(CHOOSING_FOLDS):
        held, kept = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if not len(held) or not len(kept):
            continue
        for has_words in may_have_words:
            tell(f"choosing settings, part {number + 1} of {CHOOSING_FOLDS}")
            words = learn_words(sampled.at(kept).texts, rows.n_labels) if has_words else None
            known, unseen = (features_of(sampled.at(some), words) for some in (kept, held))
            fitted: Coefficients | None = None
            for c in sorted(strengths):
                tell(f"choosing settings, part {number + 1} of {CHOOSING_FOLDS}")
                fitted = fit(
                    known, sampled.labels[kept], rows.n_labels, c=c, start=fitted, balance=balance
                )
                logits[Recipe(c, has_words, balance)][held] = fitted.logits(unseen)
    tried = [
        Tried(recipe, accuracy_of(found, sampled.labels), log_loss_of(found, sampled.labels))
        for recipe, found in logits.items()
    ]
    return sorted(tried, key=lambda one: (-round(one.accuracy, 4), one.log_loss))


def sample(labels: Integers, at_most: int) -> Integers:
    """Return places of at most so many rows, in order: of each label its share, at least two."""
    if len(labels) <= at_most:
        return np.arange(len(labels))
    random = np.random.default_rng(SEED)
    share = at_most / len(labels)
    parts = []
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        parts.append(places[: max(2, round(share * len(places)))])
    found: NDArray[np.int64] = np.sort(np.concatenate(parts))
    return found


def accuracy_of(logits: Floats, labels: Integers) -> float:
    """Return the share of rows whose likeliest label is theirs."""
    return float((logits.argmax(axis=1) == labels).mean()) if len(labels) else 0.0


def log_loss_of(logits: Floats, labels: Integers, temperature: float = 1.0) -> float:
    """Return the mean negative log probability of the labels."""
    found = log_probabilities(logits, temperature)[np.arange(len(labels)), labels]
    return float(-found.mean()) if len(labels) else 0.0
