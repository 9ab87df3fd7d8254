"""Queue `upkeep`: runs, sweeps, folds and retention. Never loads an encoder."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import signals

from embedhub.anomalies import following as anomalies
from embedhub.catalog import service as catalogs
from embedhub.catalog.older import open_older_catalogs
from embedhub.collections.service import purge_collection, resume_deletions
from embedhub.conversations import service as conversations
from embedhub.documents import imports
from embedhub.documents.copying import copy_documents
from embedhub.documents.deletion import carry_out_deletion, delete_expired
from embedhub.documents.files import upkeep as files
from embedhub.documents.rechunking import rechunk_documents
from embedhub.documents.relabelling import relabel_documents
from embedhub.documents.upkeep import forget_old_versions, update_attributes
from embedhub.duplicates import following as duplicates
from embedhub.evaluation import evaluations, feedback
from embedhub.graph import following as graphs
from embedhub.graph.removal import remove_left_overs as remove_old_graphs
from embedhub.graph.view import GraphView
from embedhub.jobs import Job
from embedhub.labels import following as labels
from embedhub.recommend.service import forget_old_impressions
from embedhub.recommend.training_run import placing, publishing
from embedhub.recommend.training_run import upkeep as recommenders
from embedhub.runs import service as runs
from embedhub.runs.kinds import RunKind
from embedhub.runs.progress import RunProgress
from embedhub.search import filter_advice, lexical_index
from embedhub.search import service as search
from embedhub.search.recall import report as recall
from embedhub.search.recall.sampler import sample_recall
from embedhub.spaces import index_upkeep
from embedhub.spaces import service as spaces
from embedhub.spaces.indexes import grow_space, rebuild_index
from embedhub.spaces.numbering import number_older_shelves, reach_all_copies
from embedhub.spaces.prewarm import prewarm_after_start, prewarm_indexes
from embedhub.spaces.renewal import renew_worn
from embedhub.topics import following as topics
from embedhub.web.retention import forget_old_answers
from embedhub.webhooks import delivering as webhooks
from workers import app

logger = logging.getLogger(__name__)

_stopping = threading.Event()


def follow_filterable(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Rewrite what filters see of a collection's documents, or of a catalog's items."""
    work = catalogs.relabel_items if "catalog_id" in arguments else update_attributes
    return work(progress, arguments)


WORK: dict[RunKind, Callable[[RunProgress, dict[str, Any]], dict[str, Any]]] = {
    RunKind.COPY_DOCUMENTS: copy_documents,
    RunKind.DELETE_CATALOG: catalogs.purge_catalog,
    RunKind.DELETE_COLLECTION: purge_collection,
    RunKind.DELETE_DOCUMENTS: carry_out_deletion,
    RunKind.GROW_SPACE: grow_space,
    RunKind.REBUILD_INDEX: rebuild_index,
    RunKind.RECHUNK_DOCUMENTS: rechunk_documents,
    RunKind.RELABEL_DOCUMENTS: relabel_documents,
    RunKind.REWEIGH: lexical_index.reweigh,
    RunKind.UPDATE_ATTRIBUTES: follow_filterable,
}


# What follows a graph of neighbors, in this order, once that has followed its vectors: each does
# some of what is left for it, and says how much that was.
FOLLOWING: tuple[Callable[[GraphView], int], ...] = (
    duplicates.follow,
    anomalies.follow,
    topics.follow,
    labels.follow,
)


@app.task(name=Job.RUN)  # type: ignore[untyped-decorator]
def carry_out_run(run_id: int) -> None:
    """Carry out one run of any kind; a message delivered twice does nothing."""
    kind = runs.kind_of(run_id)
    if kind is not None:
        runs.carry_out(run_id, WORK[kind])


@app.task(name=Job.SWEEP)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Pick up whatever was left over anywhere."""
    each(
        runs.ring_for_waiting,
        spaces.ring_for_due,
        spaces.bury_crashed,
        spaces.flip_overdue,
        delete_expired,
        files.delete_expired,
        files.ring_for_waiting,
        resume_deletions,
        catalogs.resume_deletions,
        open_older_catalogs,
        spaces.grow_outgrown,
        number_older_shelves,
        index_upkeep.complete_shelves,
        index_upkeep.remove_left_overs,
        renew_worn,
        graphs.ring_for_due,
        remove_old_graphs,
        prewarm_after_start,
        webhooks.ring_for_due,
    )


@app.task(name=Job.PREWARM)  # type: ignore[untyped-decorator]
def prewarm() -> None:
    """Read vector indexes into memory after the database has started."""
    prewarm_indexes()


@app.task(name=Job.RECOMMENDERS)  # type: ignore[untyped-decorator]
def look_after_recommenders() -> None:
    """Start trainings that are due, remove what killed ones left, place items that were missed."""
    each(recommenders.start_due, publishing.remove_left_overs, recommenders.place_missed)


@app.task(name=Job.PLACE_ITEMS)  # type: ignore[untyped-decorator]
def place_items(catalog_id: int) -> None:
    """Place a catalog's new items among those that its recommender was trained on."""
    placing.place_items(catalog_id)


@app.task(name=Job.DELIVER)  # type: ignore[untyped-decorator]
def deliver() -> None:
    """Send webhooks what they are to be told."""
    webhooks.deliver_due()


@app.task(name=Job.FOLLOW)  # type: ignore[untyped-decorator]
def follow_graph(graph_id: int) -> None:
    """Bring a graph of neighbors up to date with its vectors, then what was made of it."""
    graph = graphs.follow(graph_id)
    if graph is None:
        return
    n_done = 0

    def step_of(follow: Callable[[GraphView], int]) -> Callable[[], None]:
        def step() -> None:
            nonlocal n_done
            n_done += follow(graph)

        step.__name__ = follow.__module__
        return step

    each(*map(step_of, FOLLOWING))
    if n_done:
        # There may be more than is done at once.
        graphs.mark_stale(graph)


@app.task(name=Job.FOLD)  # type: ignore[untyped-decorator]
def fold() -> None:
    """Fold the counts of words, and have weights renewed where the average length moved."""
    lexical_index.fold()


@app.task(name=Job.RECALL)  # type: ignore[untyped-decorator]
def check_recall() -> None:
    """Compare some answers of the indexes with exact search, as long as nobody asks to stop."""
    sample_recall(should_stop=_stopping.is_set)


@signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
def stop_checking(**_: object) -> None:
    """A worker asked to stop ends after the comparison at hand."""
    _stopping.set()


@app.task(name=Job.RETENTION)  # type: ignore[untyped-decorator]
def forget_old() -> None:
    """Delete what is older than its retention."""
    each(
        forget_old_versions,
        spaces.forget_unused_vectors,
        reach_all_copies,
        runs.forget_old,
        search.forget_old,
        recall.forget_old,
        filter_advice.forget_old,
        forget_old_answers,
        imports.forget_old,
        files.remove_lost_originals,
        conversations.forget_old,
        feedback.forget_old,
        evaluations.forget_old,
        duplicates.remove_left_overs,
        forget_old_impressions,
        webhooks.forget_old,
    )


def each(*steps: Callable[[], object]) -> None:
    """Carry out every step whatever becomes of the others; raise at the end what they raised."""
    failures: list[Exception] = []
    for step in steps:
        try:
            step()
        # Whatever one step trips over, the others must not stand still for it.
        except Exception as error:
            logger.exception("upkeep failed", extra={"step": step.__name__})
            failures.append(error)
    if failures:
        raise ExceptionGroup("upkeep failed", failures)
