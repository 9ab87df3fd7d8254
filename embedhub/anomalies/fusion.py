"""One score of all signals, and when a score is worth somebody's time; pure.

The score is Fisher's sum: of every signal the share of rows that are at least as odd, as -ln. One
rule for every collection; benchmarks/anomalies.py tells how it was chosen and what it reaches.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Signal(StrEnum):
    """What a row is judged by; large values are odd."""

    NEAR = "near"  # mean distance to its nearest rows
    FAR = "far"  # distance within which a twentieth of all rows lies
    WORDS = "words"  # mean distance to its nearest rows by words
    LOOKS = "looks"  # lengths, characters, addresses: not what it says but how it looks
    COMPANY = "company"  # how odd its nearest rows look
    LABEL = "label"  # share of its nearest rows that have another label
    BURST = "burst"  # rows that say the same and came at the same time
    RATIO = "ratio"  # distance to its nearest rows against theirs to their own
    TOPIC = "topic"  # distance to the nearest topic
    CENTROID = "centroid"  # distance to the mean of all rows


SIGNALS = tuple(Signal)
# The others are told, but not summed: over the collections that the rule was chosen on they added
# nothing, local ratios even took something away.
SUMMED = (
    Signal.NEAR,
    Signal.FAR,
    Signal.WORDS,
    Signal.LOOKS,
    Signal.COMPANY,
    Signal.LABEL,
    Signal.BURST,
)
# Nearest rows whose looks make a row's company.
COMPANY_ROWS = 10
# A score stands out that is so many times as far above the median as the highest tenth begins.
FENCE = 3.0
DAYS_OF_RATE = 28


def place_of(signal: Signal) -> int:
    """Return the column of a signal."""
    return SIGNALS.index(signal)


def fuse(tails: Floats) -> Floats:
    """Return the score of rows from the tail shares of their signals, (n, signals) -> (n,)."""
    summed = [place_of(signal) for signal in SUMMED]
    return np.asarray(-np.log(tails[:, summed]).sum(axis=1), dtype=np.float64)


def company_of(looks_tails: Floats, neighbors: NDArray[np.int64]) -> Floats:
    """Return how odd each row's nearest rows look, from the tail shares of all rows' looks."""
    nearest = neighbors[:, :COMPANY_ROWS]
    known = nearest >= 0
    counts = known.sum(axis=1)
    sums = np.where(known, -np.log(looks_tails[nearest]), 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, sums / counts, np.nan)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many false alarms somebody has time for: a share of the rows, or so many a day."""

    share: float | None = 0.01
    per_day: int | None = None

    def share_of(self, rows_per_day: float) -> float:
        """Return which share of the rows it amounts to."""
        if self.per_day is None:
            return self.share or 0.0
        return min(1.0, self.per_day / max(rows_per_day, 1.0))

    def room(self, *, n_rows: int, n_open: int, n_of_day: int) -> int:
        """Return how many rows may be flagged now, beside those that wait or were flagged today."""
        if self.per_day is not None:
            return max(0, self.per_day - n_of_day)
        return max(0, math.ceil((self.share or 0.0) * n_rows) - n_open)


def fence_of(scores: Floats) -> float:
    """Return what a score has to exceed to stand out, whatever the budget.

    Rows that are all alike have nothing that stands out: no share of them is flagged anyway.
    """
    if not len(scores):
        return math.inf
    median, high = np.quantile(scores, [0.5, 0.9])
    return float(median + FENCE * (high - median))


def rows_per_day(arrived_s: Floats, now_s: float) -> float:
    """Return how many rows came a day in the last four weeks."""
    recent = int((arrived_s > now_s - DAYS_OF_RATE * 86_400).sum())
    return recent / DAYS_OF_RATE
