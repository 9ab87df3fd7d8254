"""Which rows to ask people about: doubtful, like many others, and unlike each other; pure."""

import numpy as np
from numpy.typing import NDArray

from embedhub.labels.features import Floats, Integers

Doubles = NDArray[np.float64]
ROUNDS = 10
SEED = 7


def informativeness(margins: Doubles, densities: Doubles) -> Doubles:
    """Return how much a label of each row would teach, from 0 to 1.

    A row between two labels teaches more than a clear one, and one that many others are like more
    than an odd one: densities are mean cosines with the nearest neighbors.
    """
    found: Doubles = (1.0 - np.clip(margins, 0, 1)) * np.clip(densities, 0, 1)
    return found


def one_of_each(scores: Doubles, groups: Integers, wanted: int) -> Integers:
    """Return places of so many rows, the best of each group first, then the second of each."""
    order = np.lexsort((np.arange(len(scores)), -scores))
    turn: dict[int, int] = {}
    ranked: list[tuple[int, int, int]] = []
    for place in order:
        group = int(groups[place])
        turn[group] = turn.get(group, -1) + 1
        ranked.append((turn[group], len(ranked), int(place)))
    found: Integers = np.array([place for _, _, place in sorted(ranked)[:wanted]], np.int64)
    return found


def clusters_of(vectors: Floats, n_clusters: int) -> Integers:
    """Return the cluster of each unit vector, by k-means on the sphere."""
    n = len(vectors)
    if n <= n_clusters:
        return np.arange(n)
    random = np.random.default_rng(SEED)
    centers = vectors[_spread(vectors, n_clusters, random)]
    found = np.zeros(n, np.int64)
    for _ in range(ROUNDS):
        found = (vectors @ centers.T).argmax(axis=1)
        sums = np.zeros_like(centers)
        np.add.at(sums, found, vectors)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centers = np.where(norms > 0, sums / np.maximum(norms, 1e-9), centers)
    return found


def _spread(vectors: Floats, n: int, random: np.random.Generator) -> list[int]:
    """Return places of rows far from each other, each likelier the farther from those before."""
    chosen = [int(random.integers(len(vectors)))]
    nearest = vectors @ vectors[chosen[0]]
    while len(chosen) < n:
        gaps = np.maximum(1.0 - nearest, 0).astype(np.float64)
        if gaps.sum() <= 0:
            rest = np.setdiff1d(np.arange(len(vectors)), chosen)
            chosen += rest[: n - len(chosen)].tolist()
            break
        at = int(random.choice(len(vectors), p=gaps / gaps.sum()))
        chosen.append(at)
        nearest = np.maximum(nearest, vectors @ vectors[at])
    return chosen
