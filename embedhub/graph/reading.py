"""What a graph holds: lists and vectors of some rows, or of all in blocks."""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.graph.lists import Lists, Vectors
from embedhub.graph.queries import lists as list_queries
from embedhub.graph.queries import vectors as vector_queries
from embedhub.graph.view import GraphView
from embedhub.spaces.vectors import find_space

BLOCK = 10_000


def vectors(session: Session, graph: GraphView, ids: Sequence[int]) -> Vectors:
    """Return the unit vectors of these rows by id, as far as they have one."""
    space = find_space(session, graph.space_id)
    if space is None:
        return Vectors(np.empty(0, np.int64), np.empty((0, 0), np.float32))
    return vector_queries.vectors_of(session, space, graph.level, ids)


def all_vectors(graph: GraphView, *, block: int = BLOCK) -> Iterator[Vectors]:
    """Yield the vectors of all rows of a graph, by id, in blocks of one short transaction each.

    The rows are those that have lists, as `all_lists` yields them, but for those gone meanwhile.
    """
    after = 0
    while True:
        with db.reading() as session:
            ids = list_queries.page_of_ids(session, graph.id, after=after, limit=block)
            if not ids:
                return
            found = vectors(session, graph, ids)
        if len(found.ids):
            yield found
        after = ids[-1]


def neighbor_lists(session: Session, graph: GraphView, ids: Sequence[int]) -> Lists:
    """Return the neighbor lists of these rows by id, as far as they have one."""
    return list_queries.read_lists(session, graph.id, graph.k, ids)


def all_lists(graph: GraphView, *, block: int = BLOCK) -> Iterator[Lists]:
    """Yield all neighbor lists of a graph, by id, in blocks of one short transaction each."""
    after = 0
    while True:
        with db.reading() as session:
            found = list_queries.page_of_lists(session, graph.id, graph.k, after=after, limit=block)
        if not len(found.ids):
            return
        yield found
        after = int(found.ids[-1])
