"""Removing graphs: in batches, because each may hold as many lists as there are rows."""

from embedhub import db
from embedhub.graph.queries import graphs as queries
from embedhub.graph.queries import lists as list_queries

LISTS_AT_ONCE = 5_000
GRAPHS_AT_ONCE = 20


def remove_graph(graph_id: int) -> int:
    """Remove a graph with its lists and return how many there were; may be repeated."""
    n_removed = db.in_batches(
        lambda session, size: list_queries.delete_some(session, graph_id, limit=size),
        size=LISTS_AT_ONCE,
    )
    with db.writing() as session:
        queries.delete_graph(session, graph_id)
    return n_removed


def remove_left_overs() -> int:
    """Remove graphs that were replaced or given up; return how many."""
    with db.reading() as session:
        left = queries.left_over_graphs(session, limit=GRAPHS_AT_ONCE)
    for graph_id in left:
        remove_graph(graph_id)
    return len(left)


def remove_some_lists(*, collection_id: int | None = None, catalog_id: int | None = None) -> int:
    """Delete some lists of a collection or catalog that is being removed; return how many."""
    with db.writing() as session:
        ids = queries.ids_of_owner(session, collection_id=collection_id, catalog_id=catalog_id)
        n_removed = 0
        for graph_id in ids:
            left = LISTS_AT_ONCE - n_removed
            n_removed += list_queries.delete_some(session, graph_id, limit=left) if left else 0
    return n_removed
