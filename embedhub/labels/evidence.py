"""Why a prediction, a question or a doubt is what it is, as records that people read; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from embedhub.labels.queries.predictions import PredictionRow
from embedhub.labels.view import LabelProbability, PredictionView, RowView

DIGITS = 4


def record(name: str, value: float, words: str) -> dict[str, Any]:
    """Return one piece of evidence."""
    return {"name": name, "value": round(value, DIGITS), "words": words}


def prediction_view(
    row: RowView | None, found: PredictionRow, given: str | None = None
) -> PredictionView:
    """Return a stored prediction as callers see it."""
    told = [
        LabelProbability(label, round(probability, DIGITS))
        for label, probability in zip(found.top_labels, found.top_probabilities, strict=True)
    ]
    return PredictionView(
        row=row,
        label=None if found.is_rejected else found.label,
        likeliest=found.label,
        probability=round(found.probability, DIGITS),
        is_rejected=found.is_rejected,
        similarity=round(found.similarity, DIGITS),
        probabilities=told,
        given=given,
        reasons=reasons_of(told, found.similarity, is_rejected=found.is_rejected),
    )


def reasons_of(
    told: Sequence[LabelProbability], similarity: float | None, *, is_rejected: bool
) -> list[dict[str, Any]]:
    """Return why a label was predicted, or none."""
    first = told[0]
    words = f"“{first.label}” is {first.probability:.0%} probable"
    if len(told) > 1:
        words += f", then “{told[1].label}” with {told[1].probability:.0%}"
    found = [record("probability", first.probability, words)]
    if similarity is not None:
        far = "far from" if is_rejected else "like"
        found.append(
            record(
                "similarity",
                similarity,
                f"{far} the nearest labelled rows (cosine {similarity:.2f})",
            )
        )
    if is_rejected:
        found.append(
            record(
                "rejected", 1, "too little probability for how far away it is: none of the labels"
            )
        )
    return found


def question_reasons(found: PredictionRow | None, informativeness: float) -> list[dict[str, Any]]:
    """Return why somebody is asked about a row."""
    if found is None:
        return [record("density", informativeness, "like many other rows, and none has a label")]
    told = [f"“{label}”" for label in found.top_labels[:2]]
    if found.is_rejected:
        words = f"no label seems to fit; {told[0]} is the likeliest"
    elif found.margin < 0.2 and len(told) > 1:
        words = f"between {told[0]} and {told[1]}"
    else:
        words = f"probably {told[0]}"
    worth = f"worth {informativeness:.2f} of 1 to be asked about"
    return [
        record("margin", found.margin, words),
        record("informativeness", informativeness, worth),
    ]


def error_reasons(error: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return why a label is doubted."""
    return [
        record(
            "confidence",
            error["confidence"],
            f"classifiers that have not seen this row give “{error['label']}”"
            f" {error['confidence']:.0%}",
        ),
        record(
            "suggested",
            error["suggested_probability"],
            f"and “{error['suggested']}” {error['suggested_probability']:.0%}",
        ),
    ]
