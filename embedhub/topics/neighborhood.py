"""The neighbour graph of all rows by position, and vectors smoothed over it; pure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Of the stored neighbours so many are followed: the farther ones lead into other topics.
FOLLOWED = 15
# What the last of the known neighbours counts, beside the first's 1.
LEAST_LINK = 0.01
# Personalised PageRank: how much of a row's smoothed vector comes from its surroundings.
RESTING = 0.1
STEPS = 20
# Directions that are kept of smoothed vectors: what is left is noise, and distances get cheaper.
KEPT_DIRECTIONS = 50
# Rows multiplied at once, so that no second matrix of all vectors is needed in float64.
BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """Neighbours of n rows by position, nearest first; -1 where there is none.

    `neighbors` int64[n, k], `similarities` float32[n, k].
    """

    neighbors: Integers
    similarities: Floats

    def __len__(self) -> int:
        return len(self.neighbors)


def neighborhood_of(ids: Integers, neighbor_ids: Integers, similarities: Floats) -> Neighborhood:
    """Return neighbours by position; `ids` are ascending. One that has no row counts as none."""
    if not len(ids):
        return Neighborhood(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))
    at = np.minimum(np.searchsorted(ids, neighbor_ids), len(ids) - 1)
    is_there = ids[at] == neighbor_ids
    return Neighborhood(
        np.where(is_there, at, -1).astype(np.int64),
        np.where(is_there, similarities, 0).astype(np.float32),
    )


def link_matrix(given: Neighborhood, k: int = FOLLOWED) -> sparse.csr_array:
    """Return the symmetric n × n matrix of links between near rows, the nearest k of each.

    A link is how far a neighbour stands out: 1 for the nearest, 0 for the last one that is known.
    So rows in a crowd and rows apart have links alike. A pair has the stronger link of its two.
    """
    n = len(given)
    near, weights = given.neighbors[:, :k], standing_out(given)[:, :k]
    rows = np.repeat(np.arange(n), near.shape[1])
    columns, amounts = near.ravel(), weights.ravel()
    counts = (columns >= 0) & (amounts > 0)
    links = sparse.csr_array((amounts[counts], (rows[counts], columns[counts])), shape=(n, n))
    symmetric: sparse.csr_array = links.maximum(links.T).tocsr().astype(np.float32)
    return symmetric


def standing_out(given: Neighborhood) -> Floats:
    """Return how far each neighbour is more similar than the last one, as parts of the first."""
    if not given.neighbors.shape[1]:
        return given.similarities
    is_there = given.neighbors >= 0
    last = np.where(is_there, given.similarities, np.inf).min(axis=1, keepdims=True)
    first = np.where(is_there, given.similarities, -np.inf).max(axis=1, keepdims=True)
    # Neighbours that are all as similar as each other count alike.
    is_any = first > last
    last, first = np.where(is_any, last, 0), np.where(is_any, first, 1)
    width = first - last
    parts = np.where(is_any, (given.similarities - last) / width, 1.0)
    weights: Floats = np.where(is_there, np.maximum(parts, LEAST_LINK), 0).astype(np.float32)
    return weights


def smooth(
    vectors: Floats,
    links: sparse.csr_array,
    *,
    steps: int = STEPS,
    resting: float = RESTING,
    on_step: Callable[[int], None] | None = None,
) -> Floats:
    """Return unit vectors after a walk over the graph: what rows share stays, what is odd fades.

    Personalised PageRank over the symmetrically normalised graph (Zhou et al. 2004; Gasteiger et
    al. 2019), which rows without neighbours pass unchanged.
    """
    degree = np.asarray(links.sum(axis=1)).ravel()
    scale = np.divide(1, np.sqrt(degree), where=degree > 0, out=np.zeros_like(degree))
    walk = (sparse.diags_array(scale) @ links @ sparse.diags_array(scale)).tocsr()
    walk = walk.astype(np.float32)
    smoothed = vectors
    for step in range(steps):
        smoothed = walk @ smoothed
        smoothed *= 1 - resting
        smoothed += resting * vectors
        if on_step is not None:
            on_step(step + 1)
    return unit(smoothed)


def reduce(vectors: Floats, dimensions: int = KEPT_DIRECTIONS) -> Floats:
    """Return the rows along their directions of largest variance, float32[n, ≤ dimensions]."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK] - mean
        covariance += block.T @ block
    values, directions = np.linalg.eigh(covariance)
    # Largest first; a direction along which nothing varies says nothing.
    kept = np.argsort(-values)[:dimensions]
    kept = kept[values[kept] > max(values.max(), 0) * 1e-9]
    if not len(kept):
        return np.zeros((len(vectors), 1), np.float32)
    reduced: Floats = ((vectors - mean.astype(np.float32)) @ directions[:, kept]).astype(np.float32)
    return reduced


def unit(rows: Floats) -> Floats:
    """Return the rows with length 1; those of length 0 stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled
