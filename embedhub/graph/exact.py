"""Nearest rows by comparing all: matrix products in blocks, of which only what is near is kept.

Sorting what comes out of a product costs more than the product. So what is kept of a row sets a
floor, the next block is compared with it, and only what lies above is looked at: after a few
blocks that is little.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from embedhub.graph.lists import TIE, Floats, Ids, empty_lists, padded

# Rows times columns of one product: 64 MB of similarities.
ROWS_AT_ONCE, COLUMNS_AT_ONCE = 2_048, 8_192
# The first product sets the floors, by partial sorting: it is kept small.
FIRST_COLUMNS = 1_024
# A row with more candidates than so many times what is kept is partially sorted instead.
MANY = 4
SORTED_AT_ONCE = 256


class Nearest:
    """The nearest columns met so far, for each of some rows; `offer` more, then read `result`."""

    def __init__(self, n_rows: int, k: int) -> None:
        self._k = k
        self._ids, self._similarity = empty_lists(n_rows, k)

    @property
    def floor(self) -> Floats:
        """Return what a column has to exceed to be kept, one value a row."""
        lowest: Floats = self._similarity.min(axis=1)
        return lowest

    def offer(self, similarity: Floats, first: int) -> None:
        """Take what is near enough of columns `first`, `first` + 1, ...: (n_rows, n_columns)."""
        is_near = similarity > (self.floor + np.float32(TIE))[:, None]
        counts = np.count_nonzero(is_near, axis=1)
        many = np.flatnonzero(counts > MANY * self._k)
        if len(many) < len(counts):
            is_near[many] = False
            flat = np.flatnonzero(is_near)
            rows, columns = np.divmod(flat, similarity.shape[1])
            values = similarity.ravel()[flat]
            self._keep(slice(None), *padded(rows, columns + first, values, len(counts)))
        for start in range(0, len(many), SORTED_AT_ONCE):
            some = many[start : start + SORTED_AT_ONCE]
            columns = np.argpartition(-similarity[some], self._k - 1, axis=1)[:, : self._k]
            values = np.take_along_axis(similarity[some], columns, axis=1)
            self._keep(some, columns + first, values)

    def result(self) -> tuple[Ids, Floats]:
        """Return the columns and their similarities, nearest first; -1 and -inf where too few."""
        order = np.lexsort((self._ids, -self._similarity), axis=1)
        return (
            np.take_along_axis(self._ids, order, axis=1),
            np.take_along_axis(self._similarity, order, axis=1),
        )

    def _keep(self, rows: slice | NDArray[np.intp], ids: Ids, values: Floats) -> None:
        if not ids.shape[1]:
            return
        ids = np.concatenate([self._ids[rows], ids], axis=1)
        values = np.concatenate([self._similarity[rows], values], axis=1)
        kept = np.argpartition(-values, self._k - 1, axis=1)[:, : self._k]
        self._similarity[rows] = np.take_along_axis(values, kept, axis=1)
        ids = np.take_along_axis(ids, kept, axis=1)
        self._ids[rows] = np.where(np.isneginf(self._similarity[rows]), -1, ids)


def products(
    rows: Floats, matrix: Floats, *, own: Ids | None = None
) -> Iterator[tuple[int, Floats]]:
    """Yield (first column, similarities) of rows with all of a matrix, a block of columns at once.

    `own` is the place of each row in the matrix, -1 for none: with itself it is -inf. A block is
    overwritten by the next one.
    """
    n = len(matrix)
    held = np.empty((len(rows), min(COLUMNS_AT_ONCE, n)), np.float32)
    start = 0
    while start < n:
        end = min(n, start + (COLUMNS_AT_ONCE if start else FIRST_COLUMNS))
        block = held.reshape(-1)[: len(rows) * (end - start)].reshape(len(rows), end - start)
        np.matmul(rows, matrix[start:end].T, out=block)
        if own is not None:
            inside = np.flatnonzero((own >= start) & (own < end))
            block[inside, own[inside] - start] = -np.inf
        yield start, block
        start = end


def nearest(rows: Floats, matrix: Floats, k: int, *, own: Ids | None = None) -> tuple[Ids, Floats]:
    """Return the places of the `k` nearest rows of a matrix to each row, and their similarities.

    All are of unit length. Where there are fewer, -1 and -inf.
    """
    found = Nearest(len(rows), k)
    for first, similarity in products(rows, matrix, own=own):
        found.offer(similarity, first)
    return found.result()


def entering(similarity: Floats, floor: Floats) -> tuple[Ids, Ids, Floats]:
    """Return (row, column, similarity) of what exceeds the floor of its column.

    `floor` is what the list of a column has to be exceeded by; inf lets nothing in.
    """
    flat = np.flatnonzero(similarity > (floor + np.float32(TIE))[None, :])
    rows, columns = np.divmod(flat, similarity.shape[1])
    return rows, columns, similarity.ravel()[flat]
