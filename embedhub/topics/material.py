"""What a fit works on: ids, hashes, neighbours and smoothed vectors of all rows, block by block."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import TooLarge
from embedhub.graph import service as graphs
from embedhub.topics.neighborhood import (
    STEPS,
    Floats,
    Integers,
    Neighborhood,
    link_matrix,
    neighborhood_of,
    reduce,
    smooth,
)
from embedhub.topics.queries import members as queries

BLOCK = 10_000
# Of the stored neighbours so many are held in memory: what smoothing, voting and the map look at.
HELD_NEIGHBORS = 32

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Material:
    """The rows of a graph by id, ascending; `reduced` are float32[n, ≤ 50], smoothed over it."""

    ids: Integers
    hashes: list[bytes]
    around: Neighborhood
    reduced: Floats

    def __len__(self) -> int:
        return len(self.ids)


def read_material(graph: graphs.GraphView, tell: Tell) -> Material:
    """Return what a graph holds; raises TooLarge beyond `topic_max_rows`.

    Hashes are read first: a row that changes after that is placed anew by following.
    """
    ids, hashes = read_hashes(graph)
    around = read_neighborhood(graph, ids, tell)
    vectors = read_vectors(graph, ids, tell)
    if not len(ids):
        return Material(ids, hashes, around, np.zeros((0, 1), np.float32))
    links = link_matrix(around)
    smoothed = smooth(
        vectors, links, on_step=lambda done: tell("smoothing over the graph", done, STEPS)
    )
    # Only their main directions are needed from here on.
    del vectors
    return Material(ids, hashes, around, reduce(smoothed))


def read_hashes(graph: graphs.GraphView) -> tuple[Integers, list[bytes]]:
    """Return ids and hashes of all rows of a graph."""
    most, after = get_config().topic_max_rows, 0
    ids: list[int] = []
    hashes: list[bytes] = []
    while True:
        with db.reading() as session:
            rows = queries.hashes_of(session, graph.id, after=after, limit=BLOCK)
        if not rows:
            return np.asarray(ids, np.int64), hashes
        ids += [row[0] for row in rows]
        hashes += [bytes(row[1]) for row in rows]
        if len(ids) > most:
            raise TooLarge(f"a fit takes at most {most:,} rows (setting topic_max_rows)")
        after = ids[-1]


def read_neighborhood(graph: graphs.GraphView, ids: Integers, tell: Tell) -> Neighborhood:
    """Return the nearest neighbours of each row by position."""
    width = min(HELD_NEIGHBORS, graph.k)
    neighbors = np.full((len(ids), width), -1, np.int64)
    similarities = np.zeros((len(ids), width), np.float32)
    done = 0
    for lists in graphs.all_lists(graph):
        at = np.minimum(np.searchsorted(ids, lists.ids), max(len(ids) - 1, 0))
        known = ids[at] == lists.ids if len(ids) else np.zeros(len(lists.ids), bool)
        some = neighborhood_of(ids, lists.neighbor_ids[:, :width], lists.similarity[:, :width])
        neighbors[at[known]] = some.neighbors[known]
        similarities[at[known]] = some.similarities[known]
        done += len(lists.ids)
        tell("reading neighbors", min(done, len(ids)), len(ids))
    return Neighborhood(neighbors, similarities)


def read_vectors(graph: graphs.GraphView, ids: Integers, tell: Tell) -> Floats:
    """Return the vectors of rows; zeros for one that is gone meanwhile."""
    found: Floats | None = None
    done = 0
    for vectors in graphs.all_vectors(graph):
        if found is None:
            found = np.zeros((len(ids), vectors.matrix.shape[1]), np.float32)
        at = np.minimum(np.searchsorted(ids, vectors.ids), max(len(ids) - 1, 0))
        known = ids[at] == vectors.ids if len(ids) else np.zeros(len(vectors.ids), bool)
        found[at[known]] = vectors.matrix[known]
        done += len(vectors.ids)
        tell("reading vectors", min(done, len(ids)), len(ids))
    return np.zeros((len(ids), 1), np.float32) if found is None else found
