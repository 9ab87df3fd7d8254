"""A classifier as it predicts and as it is stored: arrays and a few settings, never code; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.labels.features import Features, Floats, Integers, Words
from embedhub.labels.regression import Coefficients, log_probabilities
from embedhub.labels.rejection import (
    NEAREST,
    Doubles,
    Rejection,
    confidences_of,
    similarities_of,
)

# The likeliest labels of a row that are told.
TOLD = 5
ROWS_AT_ONCE = 2_000
# What arrays may be stored as.
DTYPES = ("<f4", "<f2", "<i8", "|u1")

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Verdicts:
    """What a classifier says of rows: places of the likeliest labels with their probabilities.

    `similarities` are mean cosines with the nearest rows learned from; NaN where none is left.
    """

    top: Integers
    probabilities: Floats
    similarities: Doubles
    scores: Doubles
    is_rejected: NDArray[np.bool_]

    @property
    def margins(self) -> Doubles:
        """Return how far the likeliest label of each row is ahead of the second."""
        if self.probabilities.shape[1] < 2:
            return np.ones(len(self.probabilities))
        found: Doubles = (self.probabilities[:, 0] - self.probabilities[:, 1]).astype(np.float64)
        return found


@dataclass(frozen=True)
class Classifier:
    """A linear classifier with its labels in the order of its columns.

    `reference_ids` are rows it learned from, whose vectors say how far away a row is; one made of
    descriptions has these, `descriptions`, in their place.
    """

    labels: tuple[str, ...]
    coefficients: Coefficients
    temperature: float
    rejection: Rejection
    words: Words | None
    reference_ids: Integers
    descriptions: Floats | None = None

    def classify(
        self, vectors: Floats, texts: Sequence[str], reference: Floats | None = None
    ) -> Verdicts:
        """Return what it says of rows; `reference` are the vectors of `reference_ids` still there.

        `texts` are asked for where words count, else they may be left out.
        """
        parts = [
            self._classify(
                vectors[at : at + ROWS_AT_ONCE], texts[at : at + ROWS_AT_ONCE], reference
            )
            for at in range(0, max(len(vectors), 1), ROWS_AT_ONCE)
        ]
        return Verdicts(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS)
        )

    def _classify(
        self, vectors: Floats, texts: Sequence[str], reference: Floats | None
    ) -> Verdicts:
        words = None if self.words is None else self.words.weigh(texts)
        logits = self.coefficients.logits(Features(vectors, words))
        probabilities = np.exp(log_probabilities(logits, self.temperature))
        told = min(TOLD, len(self.labels))
        top = np.argsort(-probabilities, axis=1, kind="stable")[:, :told]
        if self.descriptions is not None:
            similarities = similarities_of(vectors, self.descriptions, nearest=1)
        else:
            rows = np.empty((0, vectors.shape[1]), np.float32) if reference is None else reference
            similarities = similarities_of(vectors, rows, nearest=NEAREST)
        confidences = confidences_of(logits, self.temperature)
        known = np.where(np.isfinite(similarities), similarities, self.rejection.similarity_mean)
        scores = self.rejection.scores(confidences, known)
        return Verdicts(
            top.astype(np.int64),
            np.take_along_axis(probabilities, top, axis=1),
            similarities,
            scores,
            scores < self.rejection.threshold,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Return what is stored beside the arrays, as JSON."""
        return {"temperature": self.temperature, "rejection": asdict(self.rejection)}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays it is stored as."""
        width = len(self.coefficients.weights) - (
            0 if self.words is None else len(self.words.terms)
        )
        found: dict[str, NDArray[Any]] = {
            "weights": self.coefficients.weights[:width].astype("<f4"),
            "intercepts": self.coefficients.intercepts.astype("<f4"),
            "reference_ids": self.reference_ids.astype("<i8"),
        }
        if self.words is not None:
            terms = "\n".join(self.words.terms).encode()
            found["terms"] = np.frombuffer(terms, np.uint8)
            found["idf"] = self.words.idf.astype("<f4")
            found["word_weights"] = self.coefficients.weights[width:].astype("<f2")
        if self.descriptions is not None:
            found["descriptions"] = self.descriptions.astype("<f4")
        return found


FIELDS = ("top", "probabilities", "similarities", "scores", "is_rejected")


def classifier_from(
    labels: Sequence[str], settings: Mapping[str, Any], arrays: Arrays
) -> Classifier:
    """Return the classifier stored as these; the inverse of its `settings` and `arrays`."""
    weights = arrays["weights"].astype(np.float32)
    words = None
    if "terms" in arrays:
        terms = arrays["terms"].tobytes().decode()
        words = Words(tuple(terms.split("\n")) if terms else (), arrays["idf"].astype(np.float32))
        weights = np.concatenate([weights, arrays["word_weights"].astype(np.float32)])
    described = arrays.get("descriptions")
    return Classifier(
        labels=tuple(labels),
        coefficients=Coefficients(weights, arrays["intercepts"].astype(np.float32)),
        temperature=float(settings["temperature"]),
        rejection=Rejection(**settings["rejection"]),
        words=words,
        reference_ids=arrays["reference_ids"].astype(np.int64),
        descriptions=None if described is None else described.astype(np.float32),
    )
