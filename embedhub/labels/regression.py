"""Multinomial logistic regression over dense and sparse columns at once; pure.

The objective is scikit-learn's: C times the summed log loss plus half the squared coefficients,
intercepts left free. Its own solver turns dense columns beside sparse ones into sparse ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from embedhub.labels.features import Features, Floats, Integers

MAX_ITERATIONS = 200
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Coefficients:
    """Of a linear classifier: columns × labels, and one intercept a label."""

    weights: Floats
    intercepts: Floats

    def logits(self, features: Features) -> Floats:
        """Return unnormalised log probabilities, rows × labels."""
        found: Floats = features.times(self.weights) + self.intercepts
        return found


def fit(
    features: Features,
    labels: Integers,
    n_labels: int,
    *,
    c: float,
    start: Coefficients | None = None,
    balance: bool = False,
) -> Coefficients:
    """Return the coefficients that explain labels 0 to `n_labels` - 1 best at strength `c`.

    `balance` counts every label the same, however many rows it has.
    """
    width = features.width
    weight = _row_weights(labels, n_labels, balance=balance)
    scale = 1.0 / max(c * float(weight.sum()), 1e-12)
    at = np.arange(len(labels)), labels

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        matrix = flat.reshape(width + 1, n_labels)
        coefficients = matrix.astype(np.float32)
        logits = features.times(coefficients[:width]) + coefficients[width]
        total = logsumexp(logits, axis=1)
        value = float((weight * (total - logits[at])).sum() / weight.sum())
        residual = np.exp(logits - total[:, None])
        residual[at] -= 1.0
        residual *= (weight / weight.sum()).astype(np.float32)[:, None]
        gradient = np.empty_like(matrix)
        gradient[:width] = features.transposed_times(residual) + scale * matrix[:width]
        gradient[width] = residual.sum(axis=0)
        penalty = 0.5 * scale * float((matrix[:width] ** 2).sum())
        return value + penalty, gradient.ravel()

    begin = np.zeros((width + 1, n_labels))
    if start is not None:
        begin[:width], begin[width] = start.weights, start.intercepts
    found = minimize(
        loss,
        begin.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_ITERATIONS, "gtol": TOLERANCE * 0.1, "ftol": 1e-8, "maxcor": 10},
    )
    matrix = found.x.reshape(width + 1, n_labels).astype(np.float32)
    return Coefficients(matrix[:width], matrix[width] - matrix[width].mean())


def log_probabilities(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return log probabilities, rows × labels, of logits divided by a temperature."""
    found: Floats = log_softmax(logits / np.float32(temperature), axis=1)
    return found


def _row_weights(labels: Integers, n_labels: int, *, balance: bool) -> NDArray[np.float64]:
    if not balance:
        return np.ones(len(labels))
    counts = np.maximum(np.bincount(labels, minlength=n_labels), 1)
    weights: NDArray[np.float64] = len(labels) / (np.count_nonzero(counts) * counts[labels])
    return weights
