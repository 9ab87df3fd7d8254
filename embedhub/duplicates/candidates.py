"""Which pairs of rows are worth comparing: those that meet in a band, and near neighbors; pure."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
# Of a crowd in one band each is compared with its first few alone: clusters need no more, and the
# pairs of 50,000 rows would be a billion.
CROWD = 40
FIRST_OF_CROWD = 8


def pairs_in_bands(bands: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the positions of rows that share a band, each pair once, lower first, shape (m, 2).

    `bands` has a row of hashes for each text, shape (n, bands).
    """
    found = [_pairs_of_band(bands[:, place]) for place in range(bands.shape[1])]
    joined = np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
    return unique_pairs(joined)


def unique_pairs(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return pairs with the lower one first, sorted, each once and none of a row with itself."""
    ordered = np.sort(pairs.reshape(-1, 2), axis=1)
    ordered = ordered[ordered[:, 0] != ordered[:, 1]]
    return np.unique(ordered, axis=0) if len(ordered) else ordered


def _pairs_of_band(hashes: NDArray[np.int32]) -> NDArray[np.int64]:
    order = np.argsort(hashes, kind="stable").astype(np.int64)
    ends = np.flatnonzero(np.diff(hashes[order])) + 1
    groups = [group for group in np.split(order, ends) if len(group) > 1]
    parts = [pair for group in groups for pair in _pairs_of_group(group)]
    return np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.int64)


def _pairs_of_group(group: Ids) -> Iterator[NDArray[np.int64]]:
    if len(group) <= CROWD:
        yield group[np.stack(np.triu_indices(len(group), k=1), axis=1)]
        return
    for place in range(FIRST_OF_CROWD):
        others = group[place + 1 :]
        yield np.stack([np.full(len(others), group[place]), others], axis=1)


def near_pairs(
    ids: Ids, neighbor_ids: Ids, similarity: NDArray[np.float32], *, at_least: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the neighbors at least so similar as pairs of ids, (m, 2), and their similarities.

    A pair that each has in its list is there twice.
    """
    rows, places = np.nonzero((similarity >= at_least) & (neighbor_ids >= 0))
    pairs = np.stack([ids[rows], neighbor_ids[rows, places]], axis=1)
    return pairs, similarity[rows, places]
