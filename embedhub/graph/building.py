"""Building a graph, and bringing a live one up to date, as part of a run.

A graph is stored in blocks and read by nobody until its last one is there; then one short
transaction makes it the live one. Killed or cancelled, its blocks stay and the next build of the
same vectors goes on from there.
"""

import time
from typing import Any

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.graph.following import ring_for
from embedhub.graph.measuring import measure_recall
from embedhub.graph.queries import graphs as queries
from embedhub.graph.queries import lists as list_queries
from embedhub.graph.queries import vectors as vector_queries
from embedhub.graph.removal import remove_graph
from embedhub.graph.subject import Subject, read_subject
from embedhub.graph.turns import turn_of
from embedhub.graph.updating import find_differences, mend, method_for
from embedhub.graph.view import GraphView, SpaceGone, view_of
from embedhub.runs.progress import RunProgress, staying_alive

POLL_S = 0.5
# Rows keep coming while a graph is built; what comes after so many rounds is followed later.
ROUNDS = 5


def build_graph(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out a run of kind BUILD_GRAPH; with `rebuild` all lists are made anew.

    Raises Conflict where there are no vectors, NotFound if the owner is gone.
    """
    started = time.perf_counter()
    subject = read_subject(arguments)
    graph = ensure_graph(progress, subject, rebuild=bool(arguments.get("rebuild")))
    with db.reading() as session:
        _, n_saturated = list_queries.count_lists(session, graph.id)
    return {
        "graph_id": graph.id,
        "n_nodes": graph.n_nodes,
        "n_saturated": n_saturated,
        "method": graph.method,
        "recall": graph.recall,
        "recall_sample": graph.recall_sample,
        "took_s": round(time.perf_counter() - started, 2),
    }


def ensure_graph(progress: RunProgress, subject: Subject, *, rebuild: bool = False) -> GraphView:
    """Return the live graph of a subject, up to date: built now, or brought up to date.

    For within a run, outside any transaction; tells its progress. Raises Conflict where there are
    no vectors to compare, and as `progress.report` does.
    """
    graph = _graph_to_work_on(progress, subject, rebuild=rebuild)
    while True:
        with turn_of(graph.id) as is_ours:
            if is_ours:
                return _bring_up_to_date(progress, graph)
        progress.describe("waiting", waiting_for="whoever changes this graph of neighbors")
        progress.report(0)
        time.sleep(POLL_S)


def _graph_to_work_on(progress: RunProgress, subject: Subject, *, rebuild: bool) -> GraphView:
    """Return the live graph if it suits, one whose building was broken off, or a new one."""
    k = get_config().graph_neighbors
    with db.writing() as session:
        space = queries.live_space(session, subject)
        if space is None:
            raise NotFound("vectors of", subject.name)
        live, unfinished = (
            next(
                (
                    one
                    for one in queries.graphs_of(session, subject, status=status)
                    if one.space_id == space.id and one.k == k
                ),
                None,
            )
            for status in ("live", "building")
        )
        found = unfinished if rebuild or live is None else live
        if found is not None:
            if found.status == "building":
                queries.take_over(session, found.id, run_id=progress.run_id)
            return view_of(found)
        n_nodes = vector_queries.count_nodes(session, space, subject.level)
        made = queries.insert_graph(
            session,
            subject,
            space_id=space.id,
            k=k,
            method=method_for(n_nodes, space.dimension),
            saturation_threshold=get_config().graph_saturation,
            run_id=progress.run_id,
        )
        return view_of(made)


def _bring_up_to_date(progress: RunProgress, graph: GraphView) -> GraphView:
    n_made = 0
    try:
        with staying_alive(progress):
            for _ in range(ROUNDS):
                progress.describe("comparing rows with their neighbors")
                progress.report(0)
                found = find_differences(graph)
                n_made += mend(graph, found, progress.report)
                if not found.n:
                    break
            progress.describe("measuring how true the lists are")
            progress.stay_alive()
            measured = measure_recall(graph) if n_made or graph.recall is None else None
    except SpaceGone:
        raise Conflict("the vectors were replaced while neighbors were looked for") from None
    return _publish(graph, measured)


def _publish(graph: GraphView, measured: tuple[float | None, int] | None) -> GraphView:
    columns: dict[str, Any] = {}
    if measured is not None:
        columns |= {"recall": measured[0], "recall_sample": measured[1]}
    with db.writing() as session:
        row = queries.find_graph(session, graph.id)
        if row is None:
            raise NotFound("graph", graph.id)
        columns["n_nodes"], _ = list_queries.count_lists(session, graph.id)
        queries.update_graph(session, graph.id, **columns)
        retired = []
        if row.status != "live":
            retired = [one.id for one in queries.graphs_of(session, graph.subject, status="live")]
            queries.make_live(session, row)
        # Who reads the graph learns of what changed.
        ring_for(session, graph.id)
        session.refresh(row)
        view = view_of(row)
    for graph_id in retired:
        remove_graph(graph_id)
    return view
