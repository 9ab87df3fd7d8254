"""Which rows likely have a wrong label: confident learning over probabilities of unseen rows; pure.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021):
a row counts for another label if it is as probable there as rows of that label are on average.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.labels.features import Integers

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Suspects:
    """Rows by place, the most likely wrong first, with the label each likely should have."""

    places: Integers
    suggested: Integers
    confidence: Doubles
    suggested_probability: Doubles


def suspects_of(probabilities: Doubles, labels: Integers, *, at_most: int) -> Suspects:
    """Return the rows whose label is likely wrong; `probabilities` are of rows not learned from."""
    n, n_labels = probabilities.shape
    own = probabilities[np.arange(n), labels]
    counts = np.bincount(labels, minlength=n_labels)
    sums = np.bincount(labels, own, minlength=n_labels)
    # A label without rows is nobody's right one.
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    suggested = confident.argmax(axis=1)
    best = probabilities[np.arange(n), suggested]
    is_suspect = (confident.max(axis=1) >= 0) & (suggested != labels) & (best > own)
    places = np.flatnonzero(is_suspect)
    order = places[np.lexsort((places, own[places] - best[places]))][:at_most]
    return Suspects(order, suggested[order].astype(np.int64), own[order], best[order])
