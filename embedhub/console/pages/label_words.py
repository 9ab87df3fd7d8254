"""How a label set and its classifier stand, in words, figures and tables; pure."""

from typing import Any

from embedhub.console import words
from embedhub.labels.service import ClassifierView, SetState

# A square of more labels is too wide to read: then the pairs most confused are listed.
WIDEST_TABLE = 12


def source_words(state: SetState) -> str:
    """Return where the labels of a set come from, in words."""
    if state.set.field is not None:
        return f"the field “{state.set.field}”, and people"
    return "people"


def figures_of(state: SetState) -> list[tuple[str, str, str]]:
    """Return figures of a set as label, value and what it means."""
    live = state.live
    accuracy = None if live is None else live.metrics.get("accuracy")
    found = [
        (
            "Given by people",
            f"{state.n_given:,}",
            f"and {words.plural(state.n_fitting_none, 'row')} that fit none"
            if state.n_fitting_none
            else "rows with a label from somebody",
        ),
        (
            "Right",
            "–" if accuracy is None else percent(accuracy),
            "of rows it had not seen" if accuracy is not None else "nothing was checked yet",
        ),
        ("Predicted", f"{state.n_predicted:,}", "rows; new ones follow by themselves"),
    ]
    if state.n_predicted:
        share = state.n_rejected / state.n_predicted
        found.append(("Fit no label", percent(share), "rejected rather than guessed"))
    return found


def sentences(live: ClassifierView) -> list[str]:
    """Return the figures of a classifier in words."""
    found = live.metrics
    if live.origin == "described":
        told = ["It goes by the labels' descriptions; nobody's labels were learned from."]
        if found.get("accuracy") is not None:
            told.append(
                f"Of {found['n_checked']:,} rows that have a label, it names the right one for"
                f" {percent(found['accuracy'])}."
            )
        return told
    right, baseline, error = (
        percent(found[name]) for name in ("accuracy", "baseline_accuracy", "calibration_error")
    )
    told = [
        f"Asked about rows that it had not seen, it names the right label for {right}.",
        f"Saying the most frequent one always would be right for {baseline}.",
        f"How sure it says it is and how often it is right differ by {error} on average.",
    ]
    if found.get("rejected_share"):
        told.append(
            f"It rejects {percent(found['rejected_share'])} of the labelled rows as fitting none;"
            f" of the others {percent(found['accuracy_of_kept'])} are right."
        )
    outside = found.get("outside")
    if outside:
        told.append(
            f"Of {words.plural(outside['n_rows'], 'row')} that people said fit none, it rejects"
            f" {percent(outside['rejected_share'])}."
        )
    if found.get("n_unchecked"):
        told.append(
            f"{words.plural(found['n_unchecked'], 'label')} with a single row could not be checked."
        )
    recipe = live.recipe or {}
    told.append(
        "Words of the texts count beside their meaning."
        if recipe.get("has_words")
        else "The meaning of the texts counts alone; their words did not help."
    )
    return told


def by_label(live: ClassifierView) -> list[dict[str, Any]]:
    """Return figures by label, the weakest first."""
    rows = sorted(live.metrics.get("by_label", []), key=lambda one: one["recall"])
    return [
        {
            **one,
            "recall": percent(one["recall"]),
            "precision": percent(one["precision"]),
            "width": round(100 * one["recall"]),
        }
        for one in rows
        if one["n_rows"]
    ]


def confusion_table(live: ClassifierView) -> dict[str, Any] | None:
    """Return how often which label was taken for which, as a square; None for many labels."""
    labels = [one["label"] for one in live.metrics.get("by_label", []) if one["n_rows"]]
    if not 1 < len(labels) <= WIDEST_TABLE:
        return None
    wrong = {
        (one["label"], one["predicted"]): one["n_rows"] for one in live.metrics.get("confused", [])
    }
    right = {one["label"]: round(one["recall"] * one["n_rows"]) for one in live.metrics["by_label"]}
    return {
        "labels": labels,
        "rows": [
            {
                "label": own,
                "cells": [
                    {
                        "n": right[own] if own == said else wrong.get((own, said), 0),
                        "tone": "good" if own == said else "bad",
                    }
                    for said in labels
                ],
            }
            for own in labels
        ],
    }


def percent(share: float) -> str:
    """Return a share in percents."""
    return f"{100 * share:.1f} %"
