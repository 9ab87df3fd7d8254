"""Bringing the lists of a graph up to date with the vectors, in blocks that each stand alone.

A block's lists and what enters others' lists are stored in one short transaction: killed between
two, the next try goes on with what is still different. Nothing but that difference is remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import NotReady
from embedhub.graph import exact
from embedhub.graph.by_index import lists_by_index
from embedhub.graph.lists import (
    NONE,
    Entries,
    Floats,
    Ids,
    Lists,
    no_entries,
    with_entries,
    without,
)
from embedhub.graph.queries import graphs as graph_queries
from embedhub.graph.queries import lists as list_queries
from embedhub.graph.queries import vectors as vector_queries
from embedhub.graph.queries.lists import Differences
from embedhub.graph.view import GraphView, SpaceGone
from embedhub.spaces.vectors import find_space
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

Report = Callable[[int, int], None]

# Dimensions that the setting of rows is meant for.
USUAL_DIMENSION = 384
# Lists changed in one transaction.
LISTS_AT_ONCE = 2_000
PROBED_AT_ONCE = 250
# Reading all vectors costs as much as probing for one row in so many.
ROWS_A_PROBE = 300


@dataclass(frozen=True, slots=True)
class Work:
    """Which lists are to be made; of those in `anew` the vectors changed, or came."""

    ids: list[int]
    anew: frozenset[int]


def method_for(n_nodes: int, dimension: int) -> str:
    """Return how the neighbors of so many rows are found: `exact` or `hnsw`."""
    rows = get_config().graph_exact_rows
    return "exact" if n_nodes * dimension <= rows * USUAL_DIMENSION else "hnsw"


def find_differences(graph: GraphView, *, limit: int | None = None) -> Differences:
    """Return how a graph differs from the vectors as they are now; raises SpaceGone."""
    with db.reading() as session:
        space = find_space(session, graph.space_id)
        if space is None:
            raise SpaceGone
        return list_queries.differences(session, graph.id, space, graph.level, limit=limit)


def mend(graph: GraphView, found: Differences, report: Report) -> int:
    """Bring lists up to date where they differ, and return how many were made anew.

    Rows that are gone leave all lists, new ones enter those of rows they are near to, and lists
    that became shorter are made anew. The caller has the turn of changing this graph.
    """
    with db.reading() as session:
        n_listed, _ = list_queries.count_lists(session, graph.id)
        space = find_space(session, graph.space_id)
    if space is None:
        raise SpaceGone
    n_nodes = n_listed - len(found.gone) + len(found.new)
    # In this order: who stands in a list without having one would never be found again.
    remove_everywhere(graph, changed=found.changed, gone=found.gone)
    delete_gone(graph, found.gone)
    with db.reading() as session:
        shrunk = list_queries.shrunk_lists(session, graph.id)
    anew = frozenset([*found.changed, *found.new])
    work = Work(sorted(anew.union(shrunk)), anew)
    if not work.ids:
        return 0
    make = probe_all if is_probed(space, len(work.ids), n_nodes) else compare_all
    return make(graph, work, report, is_first=n_listed == 0)


def is_probed(space: Space, n_wanted: int, n_nodes: int) -> bool:
    """Say whether the HNSW index is asked for each row, rather than all compared with all.

    Raises NotReady where there are too many rows to compare and no index yet.
    """
    has_index = space.is_indexed and space.shelf_id != SHARED_SHELF
    if method_for(n_nodes, space.dimension) == "hnsw":
        if not has_index:
            raise NotReady("the vector index that neighbors are found by is still being built", 60)
        return True
    return has_index and space.metric == "cosine" and n_wanted * ROWS_A_PROBE < n_nodes


def delete_gone(graph: GraphView, gone: list[int]) -> None:
    """Delete the lists of rows that are gone, some at once."""
    for start in range(0, len(gone), LISTS_AT_ONCE):
        with db.writing() as session:
            list_queries.delete_lists(session, graph.id, gone[start : start + LISTS_AT_ONCE])


def remove_everywhere(graph: GraphView, *, changed: list[int], gone: list[int]) -> None:
    """Remove rows from all lists they stand in, and mark these to be made anew.

    Those of the changed rows themselves are not marked: they are found by their hash.
    """
    if not changed and not gone:
        return
    with db.reading() as session:
        holders = list_queries.lists_with(session, graph.id, [*changed, *gone])
    removed = np.array(sorted([*changed, *gone]), np.int64)
    shrunk = set(holders).difference(changed)
    for start in range(0, len(holders), LISTS_AT_ONCE):
        with db.writing() as session:
            some = list_queries.read_lists(
                session, graph.id, graph.k, holders[start : start + LISTS_AT_ONCE]
            )
            list_queries.change_lists(
                session,
                graph.id,
                without(some, removed),
                threshold=graph.saturation_threshold,
                shrunk=shrunk,
            )


def compare_all(graph: GraphView, work: Work, report: Report, *, is_first: bool) -> int:
    """Make lists by comparing their rows with all others, held in memory."""
    with db.reading() as session:
        space = find_space(session, graph.space_id)
        if space is None:
            raise SpaceGone
        ids, hashes = vector_queries.hashes(session, space, graph.level)
        matrix = vector_queries.all_vectors(session, space, graph.level, ids)
        floors = np.full(len(ids), np.inf, np.float32)
        if not is_first:
            floors = _floors(ids, *list_queries.floors(session, graph.id, length=graph.k))
    wanted = np.flatnonzero(np.isin(ids, np.array(work.ids, np.int64)))
    # Lists that are made here need not be entered.
    floors[wanted] = np.inf
    is_new = np.isin(ids, np.fromiter(work.anew, np.int64, len(work.anew)))
    for start in range(0, len(wanted), exact.ROWS_AT_ONCE):
        report(start, len(wanted))
        places = wanted[start : start + exact.ROWS_AT_ONCE]
        found, entries = _compare(places, matrix, floors, is_new[places], graph.k)
        lists = Lists(ids[places], _named(ids, found[0]), found[1])
        store(
            graph,
            lists,
            # As the vectors were when they were read: what changed since is found again.
            [hashes[place] for place in places],
            Entries(ids[entries.list_ids], ids[entries.node_ids], entries.similarity),
        )
    report(len(wanted), len(wanted))
    return len(wanted)


def probe_all(graph: GraphView, work: Work, report: Report, *, is_first: bool) -> int:
    """Make lists by asking the HNSW index for what is near to each of their rows."""
    n_made = 0
    for start in range(0, len(work.ids), PROBED_AT_ONCE):
        report(start, len(work.ids))
        some = work.ids[start : start + PROBED_AT_ONCE]
        lists, hashes, entries = lists_by_index(graph, some, frozenset() if is_first else work.anew)
        store(graph, lists, hashes, entries)
        n_made += len(lists.ids)
    report(len(work.ids), len(work.ids))
    return n_made


def store(graph: GraphView, lists: Lists, hashes: list[bytes], entries: Entries) -> None:
    """Store lists that were made, and let their rows enter the lists of others, at once."""
    with db.writing() as session:
        if graph_queries.find_graph(session, graph.id) is None:
            # Removed with its owner meanwhile.
            raise SpaceGone
        threshold = graph.saturation_threshold
        list_queries.store_lists(session, graph.id, lists, hashes, threshold=threshold)
        holders = np.unique(entries.list_ids)
        for start in range(0, len(holders), LISTS_AT_ONCE):
            some = holders[start : start + LISTS_AT_ONCE]
            others = list_queries.read_lists(session, graph.id, graph.k, some.tolist())
            list_queries.change_lists(
                session, graph.id, with_entries(others, entries), threshold=threshold
            )


def _compare(
    places: NDArray[np.intp], matrix: Floats, floors: Floats, is_new: NDArray[np.bool_], k: int
) -> tuple[tuple[Ids, Floats], Entries]:
    """Return the nearest places to each of these, and which of the new enter whose lists."""
    nearest = exact.Nearest(len(places), k)
    parts: list[tuple[Ids, Ids, Floats]] = []
    may_enter = bool(is_new.any()) and bool((floors < np.inf).any())
    for first, similarity in exact.products(matrix[places], matrix, own=places):
        nearest.offer(similarity, first)
        if may_enter:
            floor = floors[first : first + similarity.shape[1]]
            # Of a build that was broken off all are new: no copy of so large a block.
            new = similarity if is_new.all() else similarity[is_new]
            rows, columns, values = exact.entering(new, floor)
            parts.append((columns + first, places[is_new][rows], values))
    if not parts:
        return nearest.result(), no_entries()
    lists, nodes, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return nearest.result(), Entries(lists, nodes, values)


def _floors(ids: Ids, listed: Ids, floors: Floats) -> Floats:
    """Return what the lists of these rows have to be exceeded by; inf for one without a list."""
    found = np.full(len(ids), np.inf, np.float32)
    places = np.minimum(listed.searchsorted(ids), max(len(listed) - 1, 0))
    if len(listed):
        is_here = listed[places] == ids
        found[is_here] = floors[places[is_here]]
    return found


def _named(ids: Ids, places: Ids) -> Ids:
    """Return the ids at places, -1 where there is none."""
    return np.where(places == NONE, NONE, ids[places]) if len(ids) else places
