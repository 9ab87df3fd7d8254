"""Keeping predictions up: of new and changed rows there is one, of rows that went none."""

from embedhub import db
from embedhub.graph.service import GraphView
from embedhub.labels.predicting import ROWS_AT_ONCE, load, predict_rows
from embedhub.labels.queries import classifiers, predictions
from embedhub.labels.queries import sets as queries
from embedhub.numpy_threads import blas_threads
from embedhub.tables import LabelSet

# Rows of one set that are predicted before others get their turn.
FOLLOWED_AT_ONCE = 10_000
DELETED_AT_ONCE = 5_000


def follow(graph: GraphView) -> int:
    """Predict the labels of rows that are new or changed in a graph; return of how many.

    Bounded: who calls it calls again until nothing was done. Sets without a classifier of these
    vectors are left alone.
    """
    with db.reading() as session:
        rows = queries.predicted_sets(session, graph.subject)
    return sum(follow_set(graph, row) for row in rows)


def follow_set(graph: GraphView, row: LabelSet) -> int:
    """Do so for one label set."""
    with db.reading() as session:
        live = classifiers.find_live(session, row.id)
        loaded = None if live is None else load(session, live, graph)
    if loaded is None:
        return 0
    delete_all_gone(graph, row.id)
    done = after = 0
    with blas_threads(1):
        while done < FOLLOWED_AT_ONCE:
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
    return done


def delete_all_gone(graph: GraphView, set_id: int) -> int:
    """Delete the predictions of rows that are no longer in a graph; return of how many."""
    return db.in_batches(
        lambda session, size: predictions.delete_gone(
            session, graph_id=graph.id, set_id=set_id, limit=size
        ),
        size=DELETED_AT_ONCE,
    )
