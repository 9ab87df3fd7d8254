"""How good vectors are for a query, computed here as pgvector does in the database; pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from embedhub.spaces.distance import Metric, score_of

Vectors = Mapping[int, NDArray[np.float32]]


def scores_of(vectors: Vectors, query: NDArray[np.float32], metric: str) -> dict[int, float]:
    """Return the score of each vector by id: cosine, inner product or 1 / (1 + L2).

    A vector of length 0 has no cosine and stays away.
    """
    if not vectors:
        return {}
    rows = np.stack(list(vectors.values())).astype(np.float64)
    distances = _distances(rows, query.astype(np.float64), metric)
    return {
        ident: score_of(distance, metric)
        for ident, distance in zip(vectors, distances.tolist(), strict=True)
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
