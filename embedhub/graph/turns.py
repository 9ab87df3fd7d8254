"""One at a time changes a graph: a build, or whoever follows its vectors."""

from collections.abc import Iterator
from contextlib import contextmanager

from embedhub import db
from embedhub.graph.queries import graphs as queries


@contextmanager
def turn_of(graph_id: int) -> Iterator[bool]:
    """Take the turn of changing a graph within the block; gives False if somebody else has it.

    It is a lock of the database's that no row, transaction or reader waits for, and that ends with
    the connection: a killed process leaves nothing behind.
    """
    with db.autocommit() as connection:
        is_ours = queries.try_turn(connection, graph_id)
        try:
            yield is_ours
        finally:
            if is_ours:
                queries.end_turn(connection, graph_id)
