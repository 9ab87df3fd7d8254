"""How good vectors are for a query, computed here as pgvector does in the database; pure."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from embedhub.spaces.distance import Metric, score_of


class Vectors:
    """Vectors by id, in one array of shape (n, dimension)."""

    def __init__(self, ids: Iterable[int], array: NDArray[np.float32]) -> None:
        self._array = array
        self._places = {ident: place for place, ident in enumerate(ids)}

    def __contains__(self, ident: int) -> bool:
        return ident in self._places

    def rows(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the vectors of these ids, which must all be here, in this order."""
        return self._array[[self._places[ident] for ident in ids]]


def scores_of(
    vectors: Vectors, ids: Iterable[int], query: NDArray[np.float32], metric: str
) -> dict[int, float]:
    """Return the score of each id that has a vector: cosine, inner product or 1 / (1 + L2).

    A vector of length 0 has no cosine and stays away.
    """
    known = [ident for ident in ids if ident in vectors]
    rows = vectors.rows(known).astype(np.float64)
    distances = _distances(rows, query.astype(np.float64), metric)
    return {
        ident: score_of(distance, metric)
        for ident, distance in zip(known, distances.tolist(), strict=True)
        if np.isfinite(distance)
    }


def _distances(
    rows: NDArray[np.float64], query: NDArray[np.float64], metric: str
) -> NDArray[np.float64]:
    """Return the distance of each row to the query as its operator gives it, (n,)."""
    found: NDArray[np.float64]
    match Metric(metric):
        case Metric.COSINE:
            lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
            with np.errstate(divide="ignore", invalid="ignore"):
                found = 1 - np.clip(rows @ query / lengths, -1, 1)
        case Metric.INNER_PRODUCT:
            found = -(rows @ query)
        case Metric.L2:
            found = np.linalg.norm(rows - query, axis=1)
    return found
