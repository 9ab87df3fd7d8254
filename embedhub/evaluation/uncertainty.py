"""How sure a figure is: bootstrap confidence intervals, and the paired test of a difference; pure.

Queries are drawn, so a mean over few of them says little; both are told with every figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 2_000
# Up to 13 queries every one of the 2^n ways to swap two settings is looked at.
PERMUTATIONS = 9_999
# Of 20,000 queries this many resamples at once take 16 MB.
BATCH = 100
SEED = 20_261_121

Figures = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the bounds of its 95 % interval; None with fewer than two queries."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting's mean less the baseline's over the same queries.

    `p_value` is the chance of a difference at least as large, either way, if the two settings
    were exchangeable: Fisher's randomization test, which assumes no distribution.
    """

    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    n_better: int
    n_worse: int


def estimate(figures: Sequence[float]) -> Estimate:
    """Return the mean of a metric over queries with its interval (percentile bootstrap)."""
    values = np.asarray(figures, dtype=np.float64)
    low, high = _interval(values)
    return Estimate(float(values.mean()), low, high)


def difference(figures: Sequence[float], baseline: Sequence[float]) -> Difference:
    """Return how a setting's figures differ from the baseline's, query by query."""
    differences = np.asarray(figures, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    # What differs by rounding alone is equal.
    differences[np.abs(differences) < 1e-12] = 0.0
    low, high = _interval(differences)
    return Difference(
        mean=float(differences.mean()),
        low=low,
        high=high,
        p_value=_p_value(differences),
        n_better=int((differences > 0).sum()),
        n_worse=int((differences < 0).sum()),
    )


def _interval(values: Figures) -> tuple[float | None, float | None]:
    if values.size < 2:
        return None, None
    rng = np.random.default_rng(SEED)
    means = [
        values[rng.integers(0, values.size, (BATCH, values.size))].mean(axis=1)
        for _ in range(RESAMPLES // BATCH)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _p_value(differences: Figures) -> float | None:
    if differences.size < 2:
        return None
    # A swap turns a difference's sign; rounding must not make an equal sum a smaller one.
    reached = abs(float(differences.sum())) * (1 - 1e-9)
    if 2**differences.size <= PERMUTATIONS + 1:
        swaps = np.array(list(product((0.0, 1.0), repeat=differences.size)))
        return float((np.abs(_swapped(differences, swaps)) >= reached).mean())
    rng = np.random.default_rng(SEED)
    n_reached = 0
    for start in range(0, PERMUTATIONS, BATCH):
        size = (min(BATCH, PERMUTATIONS - start), differences.size)
        swaps = rng.integers(0, 2, size, dtype=np.int8).astype(np.float64)
        n_reached += int((np.abs(_swapped(differences, swaps)) >= reached).sum())
    # The order that was measured is one of the possible ones.
    return (n_reached + 1) / (PERMUTATIONS + 1)


def _swapped(differences: Figures, swaps: Figures) -> Figures:
    """Return the sum of the differences for each row of swaps, 1 where a sign is turned."""
    sums: Figures = differences.sum() - 2 * (swaps @ differences)
    return sums
