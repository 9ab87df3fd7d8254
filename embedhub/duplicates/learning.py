"""Weights of a pair's evidence, learned from labelled pairs; pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedhub.duplicates.evidence import Evidence
from embedhub.duplicates.scoring import Weights, values_of

# Equal texts score 1 without it.
LEFT_OUT = ("exact",)
# Of the squared weights, against the mean loss of a pair.
PENALTY = 1e-4

Floats = NDArray[np.float64]


def learn_weights(
    pairs: Sequence[Evidence], labels: Sequence[bool], *, left_out: Sequence[str] = LEFT_OUT
) -> Weights:
    """Return the logistic that fits these labels; signals that some pair lacks are left out.

    No weight is below 0: a pair that has more in common never scores less, so that the parts of a
    score can be read one by one. Raises ValueError where all labels are the same.
    """
    values = [values_of(pair) for pair in pairs]
    wanted = np.asarray(labels, dtype=np.float64)
    if not len(wanted) or wanted.min() == wanted.max():
        raise ValueError("pairs of both kinds are needed")
    names = [
        name
        for name in values[0]
        if name not in left_out and all(name in found for found in values)
    ]
    matrix = np.array([[found[name] for name in names] for found in values])
    typical, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread == 0] = 1.0
    base, slopes = fit_logistic((matrix - typical) / spread, wanted)
    return Weights(
        base=base,
        weights=dict(zip(names, map(float, slopes / spread), strict=True)),
        typical=dict(zip(names, map(float, typical), strict=True)),
    )


def fit_logistic(matrix: Floats, wanted: Floats) -> tuple[float, Floats]:
    """Return intercept and slopes, none below 0, that make these labels likeliest."""
    from scipy.optimize import minimize

    def loss(theta: Floats) -> tuple[float, Floats]:
        logits = theta[0] + matrix @ theta[1:]
        chances = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        value = float(np.mean(np.logaddexp(0, logits) - wanted * logits))
        value += PENALTY * float(theta[1:] @ theta[1:])
        off = (chances - wanted) / len(wanted)
        slopes = matrix.T @ off + 2 * PENALTY * theta[1:]
        return value, np.concatenate([[off.sum()], slopes])

    n = matrix.shape[1]
    bounds = [(None, None), *([(0.0, None)] * n)]
    found = minimize(loss, np.zeros(n + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), np.asarray(found.x[1:])
