"""Predictions of stored rows: a classifier as it is loaded, and what it says of a block of rows."""

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.graph.service import GraphView, Lists, neighbor_lists, vectors
from embedhub.labels.asking import informativeness
from embedhub.labels.classifier import Classifier, Verdicts, classifier_from
from embedhub.labels.features import Floats
from embedhub.labels.material import texts_of
from embedhub.labels.queries import classifiers, predictions
from embedhub.labels.rejection import Doubles
from embedhub.tables import Classifier as ClassifierTable

ROWS_AT_ONCE = 2_000
# Rows learned from may change or go: their vectors are read again after so long.
KEPT_S = 600
KEPT = 8


@dataclass(frozen=True)
class Loaded:
    """A classifier with the vectors of those rows it learned from that are still there."""

    id: int
    space_id: int
    classifier: Classifier
    reference: Floats


_kept: OrderedDict[int, tuple[float, Loaded]] = OrderedDict()
_lock = Lock()


def load(session: Session, row: ClassifierTable, graph: GraphView) -> Loaded | None:
    """Return a classifier ready to predict; None if its arrays are gone or of other vectors."""
    if row.space_id != graph.space_id:
        return None
    with _lock:
        found = _kept.get(row.id)
        if found is not None and time.monotonic() - found[0] < KEPT_S:
            _kept.move_to_end(row.id)
            return found[1]
    arrays = classifiers.read_arrays(session, row.id)
    if not arrays:
        return None
    classifier = classifier_from(row.labels, row.settings, arrays)
    reference = vectors(session, graph, classifier.reference_ids.tolist()).matrix
    loaded = Loaded(row.id, row.space_id, classifier, reference)
    with _lock:
        _kept[row.id] = (time.monotonic(), loaded)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return loaded


def forget_loaded() -> None:
    """Forget the classifiers of this process: tests begin with none."""
    with _lock:
        _kept.clear()


def predict_rows(graph: GraphView, set_id: int, loaded: Loaded, ids: Sequence[int]) -> int:
    """Store what a classifier says of rows, as long as it is the live one; return of how many."""
    with db.reading() as session:
        found = vectors(session, graph, ids)
        here = found.ids.tolist()
        hashes = predictions.hashes_of(session, graph_id=graph.id, ids=here)
        lists = neighbor_lists(session, graph, here)
        needs_words = loaded.classifier.words is not None
        texts = texts_of(session, graph.subject, here) if needs_words else []
    if not here:
        return 0
    said = loaded.classifier.classify(found.matrix, texts, loaded.reference)
    density = dict(zip(lists.ids.tolist(), mean_similarity(lists).tolist(), strict=True))
    rows = rows_of(set_id, loaded, here, said, hashes=hashes, density=density)
    with db.writing() as session:
        live = classifiers.find_live(session, set_id)
        if live is None or live.id != loaded.id:
            return 0
        predictions.put_predictions(session, rows)
    return len(rows)


def mean_similarity(lists: Lists) -> Doubles:
    """Return the mean cosine of each row with its neighbors; 0 without any."""
    is_there = np.isfinite(lists.similarity)
    sums = np.where(is_there, lists.similarity, 0).sum(axis=1, dtype=np.float64)
    found: Doubles = sums / np.maximum(is_there.sum(axis=1), 1)
    return found


def rows_of(
    set_id: int,
    loaded: Loaded,
    ids: Sequence[int],
    said: Verdicts,
    *,
    hashes: dict[int, bytes],
    density: dict[int, float],
) -> list[dict[str, Any]]:
    """Return predictions as they are stored, of the rows whose vectors are known in the graph."""
    labels = loaded.classifier.labels
    densities = np.array([density.get(one, 0.0) for one in ids])
    # A row that nobody is sure to fit at all is as doubtful as one between two labels.
    margins = np.where(said.is_rejected, 0.5 * said.margins, said.margins)
    informative = informativeness(margins, densities)
    similarities = np.nan_to_num(said.similarities, nan=0.0)
    return [
        {
            "set_id": set_id,
            "node_id": node_id,
            "classifier_id": loaded.id,
            "node_hash": hashes[node_id],
            "label": labels[said.top[at, 0]],
            "probability": float(said.probabilities[at, 0]),
            "margin": float(said.margins[at]),
            "similarity": float(similarities[at]),
            "is_rejected": bool(said.is_rejected[at]),
            "top_labels": [labels[place] for place in said.top[at]],
            "top_probabilities": said.probabilities[at].astype(float).tolist(),
            "informativeness": float(informative[at]),
        }
        for at, node_id in enumerate(ids)
        if node_id in hashes
    ]
