"""Training on the labelled rows of a set, and judging beside the classifier that predicts now."""

from dataclasses import asdict
from typing import Any

import numpy as np

from embedhub import db
from embedhub.errors import Conflict
from embedhub.graph.service import GraphView
from embedhub.labels import setting
from embedhub.labels.fitted import TRAINED, Fitted, Told
from embedhub.labels.gate import verdict
from embedhub.labels.material import Labelled, Material, read_material
from embedhub.labels.metrics import rounded
from embedhub.labels.predicting import Loaded, load
from embedhub.labels.queries import classifiers
from embedhub.labels.training import (
    Trained,
    checked_rows,
    judge_recipe,
    require_enough,
    train,
)
from embedhub.labels.validation import Recipe
from embedhub.tables import Classifier, LabelSet


def fit(row: LabelSet, graph: GraphView, labelled: Labelled, told: Told) -> Fitted | Classifier:
    """Return a classifier trained on the labelled rows, with its verdict.

    If the live one was made of the same rows, labels and wishes, that one. Raises Conflict where
    there is too little to learn from.
    """
    wishes = setting.wishes_of(row.setting)
    with db.reading() as session:
        live = classifiers.find_live(session, row.id)
        loaded = None if live is None else load(session, live, graph)
    told("reading vectors")
    # The live one is judged too, which may know words.
    has_words = wishes.words is not False or (
        live is not None and bool(live.settings.get("recipe", {}).get("has_words"))
    )
    material = read_material(graph, labelled, told.progress, has_words=has_words)
    if live is not None and is_same(live, material, asdict(wishes)):
        return live
    try:
        require_enough(material.rows)
    except ValueError as error:
        raise Conflict(str(error)) from error
    trained = train(material.rows, material.names, material.ids, wishes, told)
    accuracy = None if live is None else judge_live(live, loaded, material, trained, told)
    metrics = trained.metrics | {
        "n_labelled": material.n_labelled,
        "n_without_label": labelled.n_without,
        "live_accuracy": None if accuracy is None else rounded(accuracy),
        "live_version": None if live is None else live.number,
        "outside": outside_figures(trained, material),
    }
    return Fitted(
        origin=TRAINED,
        classifier=trained.classifier,
        settings=trained.classifier.settings
        | {"wishes": asdict(wishes), "recipe": asdict(trained.recipe)},
        metrics=metrics,
        verdict=verdict(
            metrics["accuracy"], metrics["baseline_accuracy"], metrics["n_checked"], accuracy
        ),
        data_hash=material.data_hash,
        n_rows=len(material.rows),
        material=material,
        suspects=trained.suspects,
    )


def is_same(live: Classifier, material: Material, wishes: dict[str, Any]) -> bool:
    """Say whether a training would make the live classifier once more."""
    return (
        live.origin == TRAINED
        and live.data_hash == material.data_hash
        and live.settings.get("wishes") == wishes
    )


def judge_live(
    live: Classifier, loaded: Loaded | None, material: Material, trained: Trained, told: Told
) -> float | None:
    """Return how often the live classifier is right on rows that it has not seen.

    One trained is judged by its settings, fitted again on the same folds: the rows it was trained
    on would flatter it. None if it cannot predict any more.
    """
    if live.origin == TRAINED:
        recipe = live.settings.get("recipe")
        if recipe is None:
            return None
        same = Recipe(**recipe)
        if same == trained.recipe:
            return float(trained.metrics["accuracy"])
        told("judging the live classifier")
        return judge_recipe(material.rows, same, told)
    if loaded is None:
        return None
    checked = checked_rows(material.rows)
    said = loaded.classifier.classify(material.rows.vectors[checked], [])
    names = np.array([*loaded.classifier.labels], dtype=object)[said.top[:, 0]]
    wanted = np.array(material.names, dtype=object)[material.rows.labels[checked]]
    return float((names == wanted).mean())


def outside_figures(trained: Trained, material: Material) -> dict[str, Any] | None:
    """Return how many rows that fit none of the labels are rejected; None without such rows."""
    if not len(material.outside):
        return None
    places = np.searchsorted(material.ids, trained.classifier.reference_ids)
    said = trained.classifier.classify(
        material.outside, material.outside_texts, material.rows.vectors[places]
    )
    return {
        "n_rows": len(material.outside),
        "rejected_share": rounded(float(said.is_rejected.mean())),
    }
