"""Neighbor graphs: what a caller, and every analysis, may rely on."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.collections.service import find_collection
from embedhub.errors import InvalidInput
from embedhub.graph.building import ensure_graph
from embedhub.graph.encoding import encode
from embedhub.graph.following import mark_stale
from embedhub.graph.lists import NONE, Lists, Vectors
from embedhub.graph.probing import nearest
from embedhub.graph.queries import graphs as queries
from embedhub.graph.queries import lists as list_queries
from embedhub.graph.queries.nodes import (
    count_nodes,
    find_ids,
    node_ids,
    nodes,
    visible,
    visible_among,
)
from embedhub.graph.reading import all_lists, all_vectors, neighbor_lists, vectors
from embedhub.graph.subject import LEVELS, Level, Node, Owner, Subject, read_subject
from embedhub.graph.view import GraphView, view_of
from embedhub.runs.service import RunKind, start_run, unfinished_run

__all__ = [
    "NONE",
    "GraphState",
    "GraphView",
    "Level",
    "Lists",
    "Node",
    "Owner",
    "Subject",
    "Vectors",
    "all_lists",
    "all_vectors",
    "count_nodes",
    "describe_graph",
    "encode",
    "ensure_graph",
    "find_ids",
    "live_graph",
    "mark_stale",
    "nearest",
    "neighbor_lists",
    "node_ids",
    "nodes",
    "read_subject",
    "start_build",
    "subject_of",
    "vectors",
    "visible",
    "visible_among",
]


@dataclass(frozen=True, slots=True)
class GraphState:
    """How the neighbors of a subject's rows stand.

    `n_rows` are there, with a vector or without; `run_id` is the build under way.
    """

    level: Level
    n_rows: int
    graph: GraphView | None
    n_saturated: int
    run_id: int | None


def subject_of(
    session: Session, caller: Caller, owner: Owner, slug: str, level: str | None = None
) -> Subject:
    """Return what of a collection or catalog an analysis is about, by default its documents.

    Raises NotFound for what the caller may not open (of a catalog: a key bound to collections or
    principals), InvalidInput for a level that the owner has not. Whose rows of it are seen, such as
    a request's `principals`, is said beside it.
    """
    allowed = LEVELS[owner]
    if level is not None and level not in allowed:
        raise InvalidInput(f"must be {' or '.join(allowed)}", "level")
    chosen = allowed[0] if level is None else Level(level)
    if owner is Owner.CATALOGS:
        catalog = find_catalog(session, caller, slug)
        return Subject(catalog.workspace_id, None, catalog.id, chosen)
    collection = find_collection(session, caller, slug)
    return Subject(collection.workspace_id, collection.id, None, chosen)


def live_graph(session: Session, subject: Subject) -> GraphView | None:
    """Return the graph of a subject that answers; None if there is none of its vectors yet."""
    space = queries.live_space(session, subject)
    found = queries.graphs_of(session, subject, status="live")
    if space is None or not found or found[0].space_id != space.id:
        return None
    return view_of(found[0])


def start_build(
    caller: Caller, owner: Owner, slug: str, *, level: str | None = None, rebuild: bool = False
) -> int:
    """Ask for a graph to be built or brought up to date; return the run, also one under way."""
    caller.require_writing()
    with db.writing() as session:
        subject = subject_of(session, caller, owner, slug, level)
        return start_run(
            session,
            workspace_id=subject.workspace_id,
            kind=RunKind.BUILD_GRAPH,
            subject=subject.name,
            arguments=subject.arguments | {"rebuild": rebuild},
        )


def describe_graph(
    caller: Caller, owner: Owner, slug: str, *, level: str | None = None
) -> GraphState:
    """Return how the neighbors of rows stand; Forbidden for a caller bound to principals."""
    caller.require_every_document()
    with db.reading() as session:
        subject = subject_of(session, caller, owner, slug, level)
        graph = live_graph(session, subject)
        n_saturated = 0
        if graph is not None:
            _, n_saturated = list_queries.count_lists(session, graph.id)
        return GraphState(
            level=subject.level,
            n_rows=count_nodes(session, subject),
            graph=graph,
            n_saturated=n_saturated,
            run_id=unfinished_run(session, kinds=[RunKind.BUILD_GRAPH], subject=subject.name),
        )
