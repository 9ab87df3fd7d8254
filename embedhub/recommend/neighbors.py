"""Item-to-item weights: cosine and conditional probability, and tables of the strongest; pure.

Deshpande and Karypis 2004, "Item-based top-N recommendation algorithms".
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedhub.recommend.interactions import Floats

# Users added to the denominator, so that an item of two users proves nothing about a third.
SHRINKAGE = 10.0
# Numbers in a block of rows, so that memory does not grow with the square of the items.
BLOCK = 4_000_000
Rows = NDArray[np.float32] | Floats


def fit_cosine(seen: sparse.csr_array, count: int | None = None) -> sparse.csr_array:
    """Return items × items: users of both over the geometric mean of the users of each.

    Of each row the `count` strongest, or all.
    """
    scale = np.maximum(_users(seen), np.finfo(float).tiny) ** -0.5
    return _strongest_of_pairs(seen, scale, scale, count)


def fit_conditional(
    seen: sparse.csr_array, count: int | None = None, shrinkage: float = SHRINKAGE
) -> sparse.csr_array:
    """Return items × items: the share of the row item's users who have the column item, shrunk.

    Of each row the `count` strongest, or all.
    """
    scale = 1.0 / (_users(seen) + shrinkage)
    return _strongest_of_pairs(seen, scale, np.ones_like(scale), count)


def strongest(weights: Rows | sparse.csr_array, count: int) -> sparse.csr_array:
    """Return each row's `count` weights of largest amount, with their signs (float32).

    Signed, because the positive weights of EASE alone lose 1 to 2 points of nDCG.
    """

    def block(rows: slice) -> Rows:
        part = weights[rows]
        return part if isinstance(part, np.ndarray) else part.toarray()

    return _strongest(block, weights.shape[0], weights.shape[1], count)


def _users(seen: sparse.csr_array) -> Floats:
    return np.asarray(seen.power(2).sum(axis=0))


def _strongest_of_pairs(
    seen: sparse.csr_array, of_rows: Floats, of_columns: Floats, count: int | None
) -> sparse.csr_array:
    by_item = sparse.csr_array(sparse.diags_array(of_rows) @ seen.T)
    scaled = sparse.csr_array(seen @ sparse.diags_array(of_columns))

    def block(rows: slice) -> Rows:
        together = (by_item[rows] @ scaled).toarray()
        at = np.arange(len(together))
        together[at, rows.start + at] = 0.0
        return np.asarray(together)

    n_items = seen.shape[1]
    return _strongest(block, n_items, n_items, n_items if count is None else count)


def _strongest(
    block: Callable[[slice], Rows], n_rows: int, n_columns: int, count: int
) -> sparse.csr_array:
    count = min(count, n_columns)
    rows_at_once = max(BLOCK // max(n_columns, 1), 1)
    parts = []
    for start in range(0, n_rows, rows_at_once):
        dense = block(slice(start, start + rows_at_once))
        columns = np.argpartition(-np.abs(dense), count - 1, axis=1)[:, :count]
        kept = np.take_along_axis(dense, columns, axis=1).astype(np.float32).ravel()
        ends = np.arange(0, kept.size + 1, count)
        part = sparse.csr_array((kept, columns.ravel(), ends), shape=dense.shape)
        part.eliminate_zeros()
        part.sort_indices()
        parts.append(part)
    return sparse.csr_array(sparse.vstack(parts, format="csr"))
