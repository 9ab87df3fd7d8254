"""Vectors and neighbor lists in NumPy: as they come out of the graph, and merging them; pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

# In place of a neighbor where a list is shorter than others.
NONE = -1
# Cosines that differ by less are the same: what rounding leaves of equal vectors.
TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Vectors:
    """Rows by id, each of unit length: `ids` (n,) ascending, `matrix` (n, d)."""

    ids: Ids
    matrix: Floats


@dataclass(frozen=True, slots=True)
class Lists:
    """Neighbors of some rows, nearest first: `neighbor_ids` and `similarity` are (n, k).

    Where a row has fewer, the id is -1 and the similarity -inf. Similarity is the cosine, 1 best.
    """

    ids: Ids
    neighbor_ids: Ids
    similarity: Floats

    @property
    def lengths(self) -> Ids:
        """Return how many neighbors each row has."""
        lengths: Ids = (self.neighbor_ids != NONE).sum(axis=1)
        return lengths


def empty_lists(n: int, k: int) -> tuple[Ids, Floats]:
    """Return arrays of `n` lists without a neighbor."""
    return np.full((n, k), NONE, np.int64), np.full((n, k), -np.inf, np.float32)


def unit(rows: Floats) -> Floats:
    """Return rows scaled to unit length; one of length zero stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled


def best(ids: Ids, similarity: Floats, k: int) -> tuple[Ids, Floats]:
    """Return the `k` most similar of each row, nearest first, of equal ones the smaller id.

    An id that stands twice in a row counts once, with its higher similarity.
    """
    # By id, the higher similarity first: whatever has the same id before it goes.
    ids, similarity = ordered(ids, similarity, np.lexsort((-similarity, ids), axis=1))
    is_again = np.zeros(ids.shape, bool)
    is_again[:, 1:] = ids[:, 1:] == ids[:, :-1]
    similarity = np.where(is_again | (ids == NONE), np.float32(-np.inf), similarity)
    ids, similarity = ordered(ids, similarity, np.lexsort((ids, -similarity), axis=1)[:, :k])
    ids = np.where(np.isneginf(similarity), NONE, ids)
    if ids.shape[1] < k:
        wide_ids, wide = empty_lists(len(ids), k)
        wide_ids[:, : ids.shape[1]], wide[:, : ids.shape[1]] = ids, similarity
        return wide_ids, wide
    return ids, similarity


def ordered(ids: Ids, similarity: Floats, order: NDArray[np.intp]) -> tuple[Ids, Floats]:
    """Return both with the columns of each row in an order."""
    ids = np.take_along_axis(ids, order, axis=1)
    similarity = np.take_along_axis(similarity, order, axis=1)
    return ids, similarity


def without(lists: Lists, gone: Ids) -> Lists:
    """Return lists that these ids have left; what was behind them moves up."""
    kept = ~np.isin(lists.neighbor_ids, gone)
    order = np.argsort(~kept, axis=1, kind="stable")
    kept = np.take_along_axis(kept, order, axis=1)
    ids = np.take_along_axis(lists.neighbor_ids, order, axis=1)
    similarity = np.take_along_axis(lists.similarity, order, axis=1)
    return Lists(
        lists.ids, np.where(kept, ids, NONE), np.where(kept, similarity, np.float32(-np.inf))
    )


@dataclass(frozen=True, slots=True)
class Entries:
    """Rows that come into lists of others: `node_ids[i]` into that of `list_ids[i]`."""

    list_ids: Ids
    node_ids: Ids
    similarity: Floats

    def __len__(self) -> int:
        return len(self.list_ids)


def no_entries() -> Entries:
    """Return that nothing comes into any list."""
    return Entries(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


def with_entries(lists: Lists, entries: Entries) -> Lists:
    """Return lists of the same length with the entries among them that are near enough."""
    places = np.searchsorted(lists.ids, entries.list_ids)
    places = np.minimum(places, max(len(lists.ids) - 1, 0))
    if not len(lists.ids) or not len(entries):
        return lists
    is_here = lists.ids[places] == entries.list_ids
    added_ids, added = padded(
        places[is_here], entries.node_ids[is_here], entries.similarity[is_here], len(lists.ids)
    )
    ids = np.concatenate([lists.neighbor_ids, added_ids], axis=1)
    similarity = np.concatenate([lists.similarity, added], axis=1)
    return Lists(lists.ids, *best(ids, similarity, lists.neighbor_ids.shape[1]))


def padded(rows: Ids, ids: Ids, values: Floats, n_rows: int) -> tuple[Ids, Floats]:
    """Return (row, id, value) triples as one line a row, filled up with -1 and -inf."""
    order = np.argsort(rows, kind="stable")
    rows, ids, values = rows[order], ids[order], values[order]
    counts = np.bincount(rows, minlength=n_rows)
    slots = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    wide_ids, wide = empty_lists(n_rows, int(counts.max(initial=0)))
    wide_ids[rows, slots], wide[rows, slots] = ids, values
    return wide_ids, wide
