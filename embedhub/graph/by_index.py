"""Lists by the HNSW index: what it finds near to each of some rows, by their true similarity."""

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.graph.lists import (
    NONE,
    TIE,
    Entries,
    Floats,
    Ids,
    Lists,
    best,
    empty_lists,
    no_entries,
    padded,
)
from embedhub.graph.queries import lists as list_queries
from embedhub.graph.queries import probing
from embedhub.graph.queries import vectors as vector_queries
from embedhub.graph.view import GraphView, SpaceGone
from embedhub.spaces.vectors import find_space
from embedhub.tables import Space

# Of these many times as many neighbors as are kept the nearest are taken. More, if too few come
# out: what is found of a document may be passages of few others.
PROBED_TIMES = (2, 8)


def lists_by_index(
    graph: GraphView, wanted: list[int], anew: frozenset[int]
) -> tuple[Lists, list[bytes], Entries]:
    """Return the lists of these rows, the hashes of their vectors, and what enters whose lists."""
    k = graph.k
    with db.reading() as session:
        space = find_space(session, graph.space_id)
        if space is None:
            raise SpaceGone
        ids, hashes = vector_queries.hashes(session, space, graph.level, wanted)
        own = vector_queries.vectors_of(session, space, graph.level, ids.tolist())
        pairs = _near(session, graph, space, ids)
        near = np.unique(pairs[:, 1])
        others = vector_queries.vectors_of(session, space, graph.level, near.tolist())
        candidates = _scored(pairs, own.ids, own.matrix, others.ids, others.matrix)
        entries = no_entries()
        if anew:
            entries = _entering(candidates, own.ids, anew)
            holders = np.unique(entries.list_ids).tolist()
            entries = _above_floor(entries, list_queries.read_lists(session, graph.id, k, holders))
    return Lists(own.ids, *best(*candidates, k)), hashes, entries


def _near(session: Session, graph: GraphView, space: Space, ids: Ids) -> Ids:
    """Return pairs (row, row near it) by the HNSW index, (n, 2)."""
    found = np.empty((0, 2), np.int64)
    missing = ids
    for times in PROBED_TIMES:
        pairs = probing.probe_rows(
            session,
            space,
            graph.level,
            missing.tolist(),
            limit=times * graph.k + 1,
            ef_search=get_config().graph_ef_search,
        )
        more = np.array([pair for pair in pairs if pair[1] is not None], np.int64)
        found = np.unique(np.concatenate([found, more.reshape(-1, 2)]), axis=0)
        # Itself among them.
        rows, counts = np.unique(found[:, 0], return_counts=True)
        missing = np.setdiff1d(ids, rows[counts > graph.k])
        if not len(missing):
            break
    return found


def _scored(
    pairs: Ids, own_ids: Ids, own: Floats, near_ids: Ids, near: Floats
) -> tuple[Ids, Floats]:
    """Return the cosines of pairs (row, near row), one line a row, in no order."""
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    rows = np.minimum(own_ids.searchsorted(pairs[:, 0]), max(len(own_ids) - 1, 0))
    places = np.minimum(near_ids.searchsorted(pairs[:, 1]), max(len(near_ids) - 1, 0))
    if not len(pairs) or not len(own_ids) or not len(near_ids):
        return empty_lists(len(own_ids), 1)
    is_here = (own_ids[rows] == pairs[:, 0]) & (near_ids[places] == pairs[:, 1])
    rows, places = rows[is_here], places[is_here]
    cosines = np.einsum("ij,ij->i", own[rows], near[places])
    ids, values = padded(rows, near_ids[places], cosines.astype(np.float32), len(own_ids))
    return ids, values


def _entering(candidates: tuple[Ids, Floats], own_ids: Ids, anew: frozenset[int]) -> Entries:
    ids, values = candidates
    is_new = np.isin(own_ids, np.fromiter(anew, np.int64, len(anew)))
    rows, columns = np.nonzero((ids != NONE) & is_new[:, None])
    return Entries(ids[rows, columns], own_ids[rows], values[rows, columns])


def _above_floor(entries: Entries, lists: Lists) -> Entries:
    """Return the entries that come into one of these lists."""
    if not len(entries) or not len(lists.ids):
        return no_entries()
    places = np.minimum(lists.ids.searchsorted(entries.list_ids), len(lists.ids) - 1)
    is_near = (lists.ids[places] == entries.list_ids) & (
        entries.similarity > lists.similarity[places, -1] + np.float32(TIE)
    )
    return Entries(
        entries.list_ids[is_near], entries.node_ids[is_near], entries.similarity[is_near]
    )
