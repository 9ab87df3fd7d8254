"""A classifier from the descriptions of a set's labels, encoded as rows are."""

import hashlib
from typing import Any

import numpy as np

from embedhub import db
from embedhub.errors import Conflict
from embedhub.graph.service import GraphView, encode
from embedhub.labels.classifier import Classifier as LabelClassifier
from embedhub.labels.described import describe, text_of
from embedhub.labels.fitted import DESCRIBED, Fitted, Told
from embedhub.labels.gate import Verdict
from embedhub.labels.material import Labelled, read_material
from embedhub.labels.metrics import figures_of, rounded
from embedhub.labels.queries import classifiers
from embedhub.tables import Classifier, LabelSet

# So few labelled rows say little about how well descriptions do.
FEWEST_JUDGED = 20


def fit_descriptions(
    row: LabelSet, graph: GraphView, labelled: Labelled, told: Told
) -> Fitted | Classifier:
    """Return the classifier of a set's descriptions, judged on rows that have one of its labels.

    The live one if it was made of the same. Raises Conflict for fewer than two labels, InvalidInput
    where vectors are supplied, so that no description can be encoded.
    """
    if len(row.labels) < 2:
        raise Conflict("a classifier by descriptions needs a set with at least two labels")
    names = [one["name"] for one in row.labels]
    texts = [text_of(one["name"], one.get("description", "")) for one in row.labels]
    data_hash = hashlib.sha256("\0".join([str(graph.space_id), *names, *texts]).encode()).digest()
    with db.reading() as session:
        live = classifiers.find_live(session, row.id)
    if live is not None and live.data_hash == data_hash:
        return live
    told("encoding the descriptions")
    classifier = describe(names, encode(graph.subject, texts))
    metrics = figures(classifier, graph, labelled, told)
    return Fitted(
        origin=DESCRIBED,
        classifier=classifier,
        settings=classifier.settings,
        metrics=metrics,
        verdict=verdict_of(metrics, live),
        data_hash=data_hash,
        n_rows=0,
    )


def figures(
    classifier: LabelClassifier, graph: GraphView, labelled: Labelled, told: Told
) -> dict[str, Any]:
    """Return how well descriptions do on rows with a label; nothing without enough of them."""
    told("judging by the rows that have a label")
    number = {name: place for place, name in enumerate(classifier.labels)}
    known = [at for at, label in enumerate(labelled.labels) if label in number]
    if len(known) < FEWEST_JUDGED:
        return {"n_checked": 0}
    judged = Labelled([labelled.ids[at] for at in known], [labelled.labels[at] for at in known])
    material = read_material(graph, judged, told.progress, has_words=False)
    said = classifier.classify(material.rows.vectors, [])
    wanted = np.array([number[name] for name in material.names], np.int64)[material.rows.labels]
    is_right = said.top[:, 0] == wanted
    return figures_of(classifier.labels, wanted, said.top[:, 0]) | {
        "n_checked": len(wanted),
        "rejected_share": rounded(float(said.is_rejected.mean())),
        "accuracy_of_kept": rounded(float(is_right[~said.is_rejected].mean()))
        if (~said.is_rejected).any()
        else 0.0,
    }


def verdict_of(metrics: dict[str, Any], live: Classifier | None) -> Verdict:
    """Return whether descriptions may predict in place of what there is."""
    accuracy = metrics.get("accuracy")
    words = "made of the labels' descriptions"
    if accuracy is not None:
        words += f": {accuracy:.1%} right on {metrics['n_checked']:,} labelled rows"
    if live is None or live.origin == DESCRIBED:
        return Verdict(is_better=True, reason=words)
    before = live.metrics.get("accuracy")
    if accuracy is not None and before is not None and accuracy >= before:
        return Verdict(is_better=True, reason=f"{words}, {before:.1%} by the live classifier")
    return Verdict(is_better=False, reason=f"not as good as the live, trained classifier: {words}")
