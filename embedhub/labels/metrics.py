"""How well labels are predicted, in figures: overall, by label, and which are confused; pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.labels.features import Integers

# Pairs of labels kept, the most confused first.
CONFUSIONS = 2_000
DIGITS = 4


def figures_of(labels: Sequence[str], wanted: Integers, predicted: Integers) -> dict[str, Any]:
    """Return accuracy, macro F1, figures by label, and how often which was taken for which."""
    n = len(labels)
    pairs = np.bincount(wanted * n + predicted, minlength=n * n).reshape(n, n)
    right = np.diag(pairs)
    n_wanted, n_predicted = pairs.sum(axis=1), pairs.sum(axis=0)
    recall, precision = _share(right, n_wanted), _share(right, n_predicted)
    f1 = _share(2 * right, n_wanted + n_predicted)
    there = n_wanted > 0
    return {
        "accuracy": rounded(float(right.sum() / max(len(wanted), 1))),
        "baseline_accuracy": rounded(float(n_wanted.max() / max(len(wanted), 1))),
        "macro_f1": rounded(float(f1[there].mean())) if there.any() else 0.0,
        "by_label": [
            {
                "label": label,
                "n_rows": int(n_wanted[at]),
                "precision": rounded(float(precision[at])),
                "recall": rounded(float(recall[at])),
            }
            for at, label in enumerate(labels)
        ],
        "confused": confused(labels, pairs),
    }


def confused(labels: Sequence[str], pairs: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return which labels were predicted in place of which, the most frequent first."""
    off = pairs.copy()
    np.fill_diagonal(off, 0)
    wanted, predicted = np.nonzero(off)
    order = np.argsort(-off[wanted, predicted], kind="stable")[:CONFUSIONS]
    return [
        {
            "label": labels[wanted[at]],
            "predicted": labels[predicted[at]],
            "n_rows": int(off[wanted[at], predicted[at]]),
        }
        for at in order
    ]


def rounded(figure: float) -> float:
    """Return a figure as it is told."""
    return round(figure, DIGITS)


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = part / np.maximum(whole, 1)
    return found
