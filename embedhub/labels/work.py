"""The work of the run that trains a classifier: read, fit, judge, publish, predict every row.

While it computes no transaction is open. A classifier is stored and published in one transaction:
killed before, nothing is left of it; killed after, the next try finds it made of the same labels
and goes on with the predictions.
"""

from collections import Counter
from typing import Any

from embedhub import db
from embedhub.errors import Conflict, NotFound
from embedhub.graph.service import GraphView, ensure_graph, read_subject
from embedhub.labels.describing import fit_descriptions
from embedhub.labels.fitted import DESCRIBED, TRAINED, Fitted, Told
from embedhub.labels.fitting import fit
from embedhub.labels.following import delete_all_gone
from embedhub.labels.material import Labelled, read_labels
from embedhub.labels.predicting import ROWS_AT_ONCE, load, predict_rows
from embedhub.labels.queries import classifiers, predictions
from embedhub.labels.queries import sets as queries
from embedhub.labels.storing import BETTER, keep
from embedhub.labels.validation import CHOOSING_FOLDS, FOLDS, STRENGTHS
from embedhub.numpy_threads import blas_threads
from embedhub.runs.progress import RunProgress, staying_alive
from embedhub.tables import Classifier, LabelSet

# Steps of a training: settings tried with words and without, folds of the new and the live one,
# and what is around them.
STEPS = CHOOSING_FOLDS * 2 * (1 + len(STRENGTHS)) + 2 * FOLDS + 5


def train_labels(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make a classifier of a label set, let it predict if it is not worse, and predict all rows.

    `method` asks for one trained on labelled rows or made of the labels' descriptions; by default
    the first where there are labels enough. Raises Conflict with the reason where neither can be,
    TooLarge for too many labels, NotFound if the set is gone.
    """
    subject = read_subject(arguments)
    with db.reading() as session:
        row = queries.find_by_id(session, int(arguments["set_id"]))
    if row is None:
        raise NotFound("label set", arguments["set_id"])
    graph = ensure_graph(progress, subject)
    with staying_alive(progress), blas_threads(1):
        progress.describe("reading labels")
        progress.report(0, STEPS)
        labelled = read_labels(row, subject, progress)
        make = {DESCRIBED: fit_descriptions, TRAINED: fit}
        method = method_for(row, labelled, arguments.get("method"))
        fitted = make[method](row, graph, labelled, Told(progress, STEPS))
        if isinstance(fitted, Fitted):
            stored = keep(progress, row, graph, fitted, arguments.get("publish", BETTER))
        else:
            stored = fitted
        n_predicted = predict_all(progress, row, graph)
    suspects = fitted.suspects if isinstance(fitted, Fitted) else None
    return {
        "version": stored.number,
        "status": stored.status,
        "is_new": isinstance(fitted, Fitted),
        "reason": stored.reason,
        "origin": stored.origin,
        "accuracy": stored.metrics.get("accuracy"),
        "n_rows": stored.n_rows,
        "n_labels": len(stored.labels),
        "n_errors": None if suspects is None else len(suspects.places),
        "n_predicted": n_predicted,
    }


def method_for(row: LabelSet, labelled: Labelled, wished: str | None) -> str:
    """Return how the classifier is made; raises Conflict where there is nothing to make it of."""
    if wished is not None:
        chosen = wished
    else:
        counts = Counter(labelled.labels)
        is_enough = len(counts) > 1 and max(counts.values()) > 1
        chosen = DESCRIBED if not is_enough and len(row.labels) > 1 else TRAINED
    if chosen == TRAINED and not labelled.labels:
        raise Conflict(why_none(row))
    return chosen


def why_none(row: LabelSet) -> str:
    """Return what is to be done where no row has a label."""
    if row.field is not None:
        return (
            f"no row has a label: the field {row.field!r} is empty or missing everywhere, or holds"
            " lists and objects"
        )
    return "no row has a label yet: give some, or describe at least two labels of the set"


def predict_all(progress: RunProgress, row: LabelSet, graph: GraphView) -> int:
    """Predict every row that the live classifier has not seen as it is; return of how many."""
    with db.reading() as session:
        live: Classifier | None = classifiers.find_live(session, row.id)
        loaded = None if live is None else load(session, live, graph)
    if loaded is None:
        return 0
    delete_all_gone(graph, row.id)
    progress.describe("predicting labels of all rows")
    done = after = 0
    while True:
        progress.report(done, max(graph.n_nodes, done))
        with db.reading() as session:
            ids = predictions.stale_rows(
                session,
                graph_id=graph.id,
                set_id=row.id,
                classifier_id=loaded.id,
                after=after,
                limit=ROWS_AT_ONCE,
            )
        if not ids:
            return done
        after = ids[-1]
        done += predict_rows(graph, row.id, loaded, ids)
