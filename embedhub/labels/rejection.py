"""When none of the labels fits: too little probability and too far from rows learned from; pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.labels.features import Floats
from embedhub.labels.regression import log_probabilities

# Nearest rows learned from whose mean cosine says how far away a row is.
NEAREST = 5
# Share of rows with a right label that may be rejected.
REJECTED_SHARE = 0.02
BLOCK = 512
LEAST = 1e-6

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rejection:
    """How confidence and similarity make one score; rows below `threshold` are rejected.

    Both are measured in standard deviations of what rows of the labels have.
    """

    confidence_mean: float
    confidence_deviation: float
    similarity_mean: float
    similarity_deviation: float
    threshold: float

    def scores(self, confidences: Doubles, similarities: Doubles) -> Doubles:
        """Return how well rows belong to the labels: large is good."""
        confident = (confidences - self.confidence_mean) / max(self.confidence_deviation, LEAST)
        near = (similarities - self.similarity_mean) / max(self.similarity_deviation, LEAST)
        found: Doubles = confident + near
        return found


def confidences_of(logits: Floats, temperature: float) -> Doubles:
    """Return the log odds of the likeliest label of each row."""
    logs = log_probabilities(logits, temperature).max(axis=1).astype(np.float64)
    found: Doubles = logs - np.log(np.maximum(-np.expm1(logs), LEAST))
    return found


def similarities_of(
    vectors: Floats,
    reference: Floats,
    *,
    nearest: int = NEAREST,
    leave_out: NDArray[np.int64] | None = None,
) -> Doubles:
    """Return the mean cosine of each row with its nearest rows of a reference; NaN without one.

    `leave_out` is each row's own place in the reference, or -1.
    """
    if not len(reference) or not len(vectors):
        return np.full(len(vectors), np.nan)
    found = np.empty(len(vectors))
    k = min(nearest, len(reference) - (0 if leave_out is None else 1))
    if k < 1:
        return np.full(len(vectors), np.nan)
    for start in range(0, len(vectors), BLOCK):
        some = slice(start, start + BLOCK)
        cosines = vectors[some] @ reference.T
        if leave_out is not None:
            own = leave_out[some]
            here = np.flatnonzero(own >= 0)
            cosines[here, own[here]] = -2.0
        found[some] = np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1)
    return found


def learn_rejection(
    confidences: Doubles,
    similarities: Doubles,
    is_right: NDArray[np.bool_],
    *,
    share: float = REJECTED_SHARE,
) -> Rejection:
    """Return a rejection that keeps all but this share of the rows that are told right.

    The rows are ones that the classifier has not seen; an unknown similarity says nothing.
    """
    known = np.isfinite(similarities)
    mean = float(similarities[known].mean()) if known.any() else 0.0
    deviation = float(similarities[known].std()) if known.any() else 1.0
    draft = Rejection(float(confidences.mean()), float(confidences.std()), mean, deviation, -np.inf)
    scores = draft.scores(confidences, np.where(known, similarities, mean))
    kept = np.sort(scores[is_right])
    place = int(np.floor(share * len(kept)))
    threshold = float(kept[place]) if len(kept) else -np.inf
    return Rejection(
        draft.confidence_mean,
        draft.confidence_deviation,
        draft.similarity_mean,
        draft.similarity_deviation,
        # All rows alike: none of them is odd.
        threshold if np.isfinite(threshold) else -1e9,
    )
