"""New and changed rows join topics, and the map, by their neighbours; what is gone is removed.

Nothing happens before the first fit of a subject has succeeded. What is to be done is found by
comparing the stored places with the graph, so nothing is lost if it stops half-way.
"""

import numpy as np

from embedhub import db
from embedhub.graph import service as graphs
from embedhub.topics.grouping import NONE, votes_of
from embedhub.topics.layout import amid
from embedhub.topics.neighborhood import Floats, Integers, neighborhood_of
from embedhub.topics.queries import fits, members
from embedhub.topics.queries.members import Place, Places

ROWS_AT_ONCE, BATCHES = 2_000, 5
# Rows that came together are each other's neighbours: some are placed after the others are.
PASSES = 4


def follow(graph: graphs.GraphView) -> int:
    """Bring the live fit's places up to date with a graph; return how many rows that changed.

    So many at once: more than 0 means that there may be others.
    """
    n_changed = 0
    for _ in range(BATCHES):
        changed = _follow_some(graph)
        n_changed += changed
        if not changed:
            break
    return n_changed


def _follow_some(graph: graphs.GraphView) -> int:
    with db.reading() as session:
        live = fits.find_live(session, graph.subject)
        if live is None:
            return 0
        stale = members.stale_nodes(session, graph.id, live.id, limit=ROWS_AT_ONCE)
        ids = [row[0] for row in stale]
        lists = graphs.neighbor_lists(session, graph, ids)
        near = np.unique(lists.neighbor_ids[lists.neighbor_ids != graphs.NONE])
        known = members.places_of(session, live.id, near.tolist())
    hashes = {row[0]: bytes(row[1]) for row in stale}
    placed = place_rows(lists, without(known, np.asarray(ids, np.int64)))
    rows = [_as_place(one, hashes) for one in placed if one.node_id in hashes]
    with db.writing() as session:
        current = fits.hold_live(session, graph.subject)
        if current is None or current.id != live.id:
            # Another fit answers since a moment ago: there may be something to place in that.
            return 0 if current is None else 1
        n_gone = members.delete_gone(session, graph.id, live.id, limit=ROWS_AT_ONCE)
        if n_gone or rows:
            members.put_places(session, live.id, rows)
            fits.bump(session, live.id)
    return len(rows) + n_gone


def _as_place(one: Place, hashes: dict[int, bytes]) -> Place:
    return Place(one.node_id, one.number, one.p, one.x, one.y, hashes[one.node_id], is_placed=True)


def without(places: Places, ids: Integers) -> Places:
    """Return places without those of some rows, which are to be placed anew."""
    kept = ~np.isin(places.ids, ids)
    return Places(
        places.ids[kept],
        places.numbers[kept],
        places.p[kept],
        places.xy[kept],
        places.is_soft[kept],
        places.is_placed[kept],
    )


def place_rows(lists: graphs.Lists, known: Places) -> list[Place]:
    """Return the places of rows amid their neighbours: those known, then those just placed; pure.

    The topic is that of most neighbours, weighed by similarity, and p its share of them. A row
    without a neighbour that has a place gets none.
    """
    ids = np.concatenate([known.ids, lists.ids])
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    numbers = np.concatenate([known.numbers, np.full(len(lists.ids), NONE)])[order]
    nowhere = np.full((len(lists.ids), 2), np.nan, np.float32)
    xy: Floats = np.concatenate([known.xy.reshape(-1, 2), nowhere])[order]
    is_known = np.isin(ids, known.ids)
    around = neighborhood_of(ids, lists.neighbor_ids, lists.similarity)
    at = np.searchsorted(ids, lists.ids)
    shares = np.zeros(len(lists.ids), np.float32)
    for _ in range(PASSES):
        waiting = np.flatnonzero(~is_known[at])
        if not len(waiting):
            break
        near = around.neighbors[waiting]
        near = np.where((near >= 0) & is_known[np.maximum(near, 0)], near, -1)
        near, similar = nearest_first(near, around.similarities[waiting])
        found = (near >= 0).any(axis=1)
        if not found.any():
            break
        rows = waiting[found]
        chosen, share = votes_of(numbers, near[found], similar[found])
        numbers[at[rows]], shares[rows] = chosen, share
        xy[at[rows]] = amid(xy, near[found])
        is_known[at[rows]] = True
    return [
        Place(
            node_id=int(node_id),
            number=None if numbers[place] == NONE else int(numbers[place]),
            p=0.0 if numbers[place] == NONE else float(shares[row]),
            x=None if np.isnan(xy[place, 0]) else float(xy[place, 0]),
            y=None if np.isnan(xy[place, 1]) else float(xy[place, 1]),
            node_hash=b"",
        )
        for row, (node_id, place) in enumerate(zip(lists.ids, at, strict=True))
    ]


def nearest_first(near: Integers, similarities: Floats) -> tuple[Integers, Floats]:
    """Return lists with what has no place moved behind the rest."""
    order = np.argsort(near < 0, axis=1, kind="stable")
    return (
        np.take_along_axis(near, order, axis=1),
        np.take_along_axis(similarities, order, axis=1),
    )
