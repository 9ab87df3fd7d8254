"""Probabilities that mean what they say: one temperature for all logits; pure."""

import numpy as np
from scipy.optimize import minimize_scalar

from embedhub.labels.features import Floats, Integers
from embedhub.labels.regression import log_probabilities
from embedhub.labels.validation import log_loss_of

LOWEST, HIGHEST = 0.05, 20.0
BINS = 15


def temperature_for(logits: Floats, labels: Integers) -> float:
    """Return the temperature at which logits of unseen rows have the least log loss.

    As Platt did, nothing is taken for certain: a few rows that are all right do not say that the
    next one will be. The less rows, the more doubt is left.
    """
    doubt = 1.0 / (len(labels) + 2)

    def loss(log: float) -> float:
        temperature = float(np.exp(log))
        certain = log_loss_of(logits, labels, temperature)
        spread = -float(log_probabilities(logits, temperature).mean()) if len(labels) else 0.0
        return (1 - doubt) * certain + doubt * spread

    found = minimize_scalar(
        loss,
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(np.exp(found.x))


def calibration_error(logits: Floats, labels: Integers, temperature: float) -> float:
    """Return by how much probabilities miss the shares of right answers, on average over rows."""
    if not len(labels):
        return 0.0
    probabilities = np.exp(log_probabilities(logits, temperature))
    likeliest = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((likeliest * BINS).astype(int), BINS - 1)
    weight = np.bincount(bins, minlength=BINS)
    gaps = np.bincount(bins, likeliest - is_right, minlength=BINS)
    return float(np.abs(gaps).sum() / weight.sum())
