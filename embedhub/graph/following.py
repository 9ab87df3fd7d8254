"""Keeping live graphs up: rung where vectors are stored or removed, and by the clock.

What has to be done is found by comparing a graph with its vectors, so a lost bell loses nothing.
Comparing takes a fifth of a second in a hundred thousand rows; while rows pour in it is done now
and then, not for each bell.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.config import get_config
from embedhub.errors import NotReady
from embedhub.graph.queries import graphs as queries
from embedhub.graph.queries import lists as list_queries
from embedhub.graph.queries.lists import Differences
from embedhub.graph.subject import Subject
from embedhub.graph.turns import turn_of
from embedhub.graph.updating import find_differences, mend
from embedhub.graph.view import GraphView, SpaceGone, view_of
from embedhub.jobs import Job
from embedhub.runs.service import RunKind, start_unless_paused
from embedhub.tables import Graph

logger = logging.getLogger(__name__)

# After following for so long, so many times as long nobody follows again.
REST = 3
SHORTEST_REST_S = 1.0
RUNG_AT_ONCE = 50


def ring_for(session: Session, graph_id: int) -> None:
    """Have a graph followed after the caller's transaction."""
    jobs.enqueue(session, Job.FOLLOW, graph_id=graph_id)


def ring_for_due() -> int:
    """Have followed what is known to be stale or was not compared for long; return how many."""
    with db.writing() as session:
        due = queries.due_graphs(session, every_s=get_config().graph_compare_s, limit=RUNG_AT_ONCE)
        for graph_id in due:
            ring_for(session, graph_id)
    return len(due)


def mark_stale(graph: GraphView) -> None:
    """Have a graph followed again by the clock: there is more to do."""
    with db.writing() as session:
        queries.mark_stale(session, graph.id)


def follow(graph_id: int) -> GraphView | None:
    """Bring a live graph up to date with its vectors and return it.

    None if that was not to be done now: it was done a moment ago, somebody else does it, or so
    much changed that a run does it, which rings at its end.
    """
    with db.reading() as session:
        row = queries.find_graph(session, graph_id)
    if row is None or row.status != "live":
        return None
    if _rests(row):
        with db.writing() as session:
            queries.mark_stale(session, graph_id)
        return None
    with turn_of(graph_id) as is_ours:
        if not is_ours:
            with db.writing() as session:
                queries.mark_stale(session, graph_id)
            return None
        try:
            return _follow(view_of(row))
        except (SpaceGone, NotReady) as error:
            logger.info("graph not followed", extra={"graph_id": graph_id, "reason": str(error)})
            return None


def _follow(graph: GraphView) -> GraphView | None:
    began, started = datetime.now(UTC), time.perf_counter()
    limit = get_config().graph_follow_rows
    if not _has_its_space(graph):
        return None
    found = find_differences(graph, limit=limit + 1)
    if found.n > limit or _lists_to_make(graph, found) > limit:
        _start_run(graph)
        return None
    n_made = mend(graph, found, _untold)
    with db.writing() as session:
        if n_made or found.n:
            n_nodes, _ = list_queries.count_lists(session, graph.id)
            queries.update_graph(session, graph.id, n_nodes=n_nodes)
        took_s = time.perf_counter() - started
        queries.note_comparison(session, graph.id, took_s=took_s, began=began)
        row = queries.find_graph(session, graph.id)
        if row is None:
            return None
        session.refresh(row)
        return view_of(row)


def _lists_to_make(graph: GraphView, found: Differences) -> int:
    """Return about how many lists are to be made anew: each row that goes leaves `k` others."""
    n_lists = len(found.new) + len(found.shrunk)
    n_lists += (graph.k + 1) * (len(found.changed) + len(found.gone))
    return min(n_lists, graph.n_nodes + len(found.new))


def _has_its_space(graph: GraphView) -> bool:
    """Say whether a graph is of the vectors that answer; if others do, a run builds it anew."""
    with db.reading() as session:
        space = queries.live_space(session, graph.subject)
    if space is None or space.id != graph.space_id:
        if space is not None:
            _start_run(graph)
        return False
    return True


def _start_run(graph: GraphView) -> None:
    subject: Subject = graph.subject
    with db.writing() as session:
        queries.note_comparison(session, graph.id, took_s=0, began=datetime.now(UTC))
        start_unless_paused(
            session,
            workspace_id=subject.workspace_id,
            kind=RunKind.BUILD_GRAPH,
            subject=subject.name,
            arguments=subject.arguments,
        )


def _untold(done: int, total: int) -> None:
    """Nobody watches a few changed rows."""
    del done, total


def _rests(row: Graph) -> bool:
    if row.followed_at is None:
        return False
    rest = timedelta(seconds=max(SHORTEST_REST_S, REST * row.follow_s))
    return datetime.now(UTC) < row.followed_at + rest
