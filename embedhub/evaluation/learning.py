"""Choosing the dense leg's weight from judged queries, and what the choice is worth; pure.

The weight is chosen on some queries and measured on others: a figure on the queries it was chosen
on would flatter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRID = tuple(step / 10 for step in range(11))
FOLDS = 5
SEED = 20_261_121

Figures = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learned:
    """The weight that is best over all queries, and what such a choice reaches on unseen ones.

    `held_out` are figures a query, each with the weight chosen without that query's fold; `live`
    are the figures of the setting that answers now, in the same order.
    """

    weight: float
    held_out: list[float]
    live: list[float]
    # the weights that the folds chose: far apart, there is little to learn
    chosen: list[float]


def learn_weight(
    figures: Figures, live: Sequence[float], live_weight: float, grid: Sequence[float] = GRID
) -> Learned:
    """Return the weight to take.

    `figures` has a row a query and a column a weight of the grid, such as nDCG. There must be at
    least as many queries as folds.
    """
    n_queries = figures.shape[0]
    order = np.random.default_rng(SEED).permutation(n_queries)
    held_out = np.empty(n_queries)
    chosen = []
    for fold in np.array_split(order, FOLDS):
        rest = np.setdiff1d(order, fold)
        best = best_weight(figures[rest].mean(axis=0), live_weight, grid)
        held_out[fold] = figures[fold, best]
        chosen.append(grid[best])
    weight = grid[best_weight(figures.mean(axis=0), live_weight, grid)]
    return Learned(weight, held_out.tolist(), list(live), chosen)


def best_weight(means: Figures, live_weight: float, grid: Sequence[float]) -> int:
    """Return the place of the best weight in the grid; of equal ones the nearest to the live one.

    A mean counts with its neighbours: a single peak among lower values is chance.
    """
    padded = np.pad(means, 1, mode="edge")
    smooth = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    highest = smooth.max()
    equal = [place for place, mean in enumerate(smooth) if highest - mean < 1e-9]
    return min(equal, key=lambda place: (abs(grid[place] - live_weight), grid[place]))
