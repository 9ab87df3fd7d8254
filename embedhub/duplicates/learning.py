"""Weights of a pair's evidence, learned from labelled pairs; pure."""

from collections.abc import Sequence

import numpy as np

from embedhub.duplicates.evidence import Evidence
from embedhub.duplicates.scoring import Weights, values_of

# Signals that the logistic is not given: equal texts score 1 without it.
LEFT_OUT = ("exact",)
PENALTY = 1.0


def learn_weights(
    pairs: Sequence[Evidence], labels: Sequence[bool], *, left_out: Sequence[str] = LEFT_OUT
) -> Weights:
    """Return the logistic that fits these labels; signals that some pair lacks are left out.

    Raises ValueError where all labels are the same.
    """
    from sklearn.linear_model import LogisticRegression

    values = [values_of(pair) for pair in pairs]
    names = [
        name
        for name in values[0]
        if name not in left_out and all(name in found for found in values)
    ]
    matrix = np.array([[found[name] for name in names] for found in values])
    typical, spread = matrix.mean(axis=0), matrix.std(axis=0)
    varied = spread > 0
    fitted = LogisticRegression(C=PENALTY, max_iter=2_000)
    scaled = (matrix[:, varied] - typical[varied]) / spread[varied]
    fitted.fit(scaled, np.asarray(labels, dtype=bool))
    slopes = fitted.coef_[0] / spread[varied]
    kept = [name for name, is_kept in zip(names, varied, strict=True) if is_kept]
    return Weights(
        base=float(fitted.intercept_[0]),
        weights=dict(zip(kept, map(float, slopes), strict=True)),
        typical={name: float(mean) for name, mean in zip(kept, typical[varied], strict=True)},
    )
