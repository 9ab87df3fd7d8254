"""How true a graph's lists are: some of them compared with exact search."""

import numpy as np

from embedhub import db
from embedhub.config import get_config
from embedhub.graph import exact
from embedhub.graph.lists import NONE, TIE, Floats, Ids, Lists, Vectors
from embedhub.graph.queries import lists as list_queries
from embedhub.graph.reading import all_vectors, vectors
from embedhub.graph.view import GraphView


def measure_recall(graph: GraphView) -> tuple[float | None, int]:
    """Return the share of the true nearest that a sample of lists holds, and the sample's size.

    Compared with all rows, read in blocks. None where no row has a neighbor.
    """
    limit = get_config().graph_recall_sample
    with db.reading() as session:
        sample = list_queries.sample_ids(session, graph.id, limit=limit)
        own = vectors(session, graph, sample)
        lists = list_queries.read_lists(session, graph.id, graph.k, own.ids.tolist())
    nearest = exact.Nearest(len(own.ids), graph.k)
    kept = _Kept(lists)
    for block in all_vectors(graph):
        similarity = own.matrix @ block.matrix.T
        places = block.ids.searchsorted(own.ids)
        inside = np.flatnonzero(places < len(block.ids))
        inside = inside[block.ids[places[inside]] == own.ids[inside]]
        similarity[inside, places[inside]] = -np.inf
        kept.look_up(block, similarity)
        nearest.offer(similarity, 0)
    return kept.recall(nearest.result()[1])


class _Kept:
    """The true similarities of the neighbors that lists hold, found block by block."""

    def __init__(self, lists: Lists) -> None:
        self._ids: Ids = lists.neighbor_ids
        self._true: Floats = np.full(self._ids.shape, -np.inf, np.float32)

    def look_up(self, block: Vectors, similarity: Floats) -> None:
        """Take the similarities of those neighbors that stand in a block."""
        places = np.minimum(block.ids.searchsorted(self._ids), len(block.ids) - 1)
        is_here = (block.ids[places] == self._ids) & (self._ids != NONE)
        rows = np.nonzero(is_here)[0]
        self._true[is_here] = similarity[rows, places[is_here]]

    def recall(self, best: Floats) -> tuple[float | None, int]:
        """Return the share of the best that are held, over the rows that have any, and these.

        Of rows as near as the last one, any counts.
        """
        n_best = np.isfinite(best).sum(axis=1)
        has_any = n_best > 0
        if not has_any.any():
            return None, 0
        last = np.where(np.isfinite(best), best, np.inf).min(axis=1)
        n_held = (self._true >= last[:, None] - np.float32(TIE)).sum(axis=1)
        shares = np.minimum(n_held[has_any], n_best[has_any]) / n_best[has_any]
        return float(shares.mean()), int(has_any.sum())
