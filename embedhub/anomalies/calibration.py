"""How unusual a value is among all rows: stored quantiles instead of any assumed share; pure."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Quantiles kept of a signal: fine at both ends, because those are asked for.
ENDS = np.geomspace(1e-5, 0.01, 61)
LEVELS = np.unique(np.concatenate([[0.0, 1.0], ENDS, np.linspace(0.01, 0.99, 99), 1 - ENDS]))
# As far out as so many quantiles can tell.
EDGE = 1e-4


def quantile_grid(values: Floats) -> Floats:
    """Return the quantiles of some values at LEVELS; what is not a number does not count.

    Of no values at all it is a grid on which nothing stands out.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(LEVELS), math.inf)
    return np.asarray(np.quantile(known, LEVELS, method="linear"), dtype=np.float64)


def tail_shares(grid: Floats, values: Floats, n_rows: int) -> Floats:
    """Return for each value the share of rows that are at least as high, at least 1 / (n + 1).

    Between two quantiles it is linear; beyond the highest one a value counts as the highest. What
    is not a number stands out by nothing: its share is 1.
    """
    least = 1.0 / (n_rows + 1)
    known = np.isfinite(values)
    below = _levels_below(grid, LEVELS, np.where(known, values, -math.inf))
    shares: Floats = np.clip(1.0 - below, least, 1.0)
    shares[~known] = 1.0
    return shares


def _levels_below(grid: Floats, levels: Floats, values: Floats) -> Floats:
    """Return the share of rows that are lower: among equal quantiles the first one counts."""
    upper = np.searchsorted(grid, values, side="left")
    lower = np.clip(upper - 1, 0, len(grid) - 1)
    safe = np.clip(upper, 0, len(grid) - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        width = grid[safe] - grid[lower]
        part = np.where(width > 0, (values - grid[lower]) / width, 0.0)
    between = levels[lower] + part * (levels[safe] - levels[lower])
    return np.where(upper == 0, 0.0, np.where(upper == len(grid), 1.0, between))


def normal_scores(grid: Floats, values: Floats) -> Floats:
    """Return the deviation that a normal distribution would have at each value's place.

    Of equal values the place is the middle. Bounded by what so many quantiles can tell.
    """
    # Loading it takes a moment: only whoever compares pays.
    from scipy.special import ndtri

    lower = _levels_below(grid, LEVELS, values)
    upper = 1.0 - _levels_below(-grid[::-1], 1 - LEVELS[::-1], -values)
    return np.asarray(ndtri(np.clip((lower + upper) / 2, EDGE, 1 - EDGE)), dtype=np.float64)
