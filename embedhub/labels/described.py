"""A classifier from the labels' descriptions alone: the nearest description in meaning; pure."""

from collections.abc import Sequence

import numpy as np

from embedhub.labels.classifier import Classifier
from embedhub.labels.features import Floats
from embedhub.labels.regression import Coefficients
from embedhub.labels.rejection import Rejection

# Cosines of sentence vectors are divided by this: chosen on training rows of Banking77 by log loss
# (see docs/decisions/labels.md).
TEMPERATURE = 0.06
# Below this cosine no description is near: 1 in 200 queries of CLINC150's validation that are
# understood is, and one in four of those that fit none.
LEAST_SIMILAR = 0.2

# As deviation of confidences: they do not count.
UNHEARD = 1e9


def text_of(name: str, description: str) -> str:
    """Return what is encoded for a label: its description, else its name as words."""
    return description.strip() or name.replace("_", " ").replace("-", " ")


def describe(labels: Sequence[str], descriptions: Floats) -> Classifier:
    """Return the classifier of these labels; `descriptions` are unit vectors, one a label."""
    return Classifier(
        labels=tuple(labels),
        coefficients=Coefficients(
            np.ascontiguousarray(descriptions.T), np.zeros(len(labels), np.float32)
        ),
        temperature=TEMPERATURE,
        rejection=Rejection(0.0, UNHEARD, 0.0, 1.0, LEAST_SIMILAR),
        words=None,
        reference_ids=np.empty(0, np.int64),
        descriptions=descriptions,
    )
