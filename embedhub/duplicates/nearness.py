"""From which cosine texts of other words are near enough to be shown; pure."""

import numpy as np
from numpy.typing import NDArray

# Where a collection's own similarities tell nothing: as measured for MiniLM on paraphrases.
USUAL = 0.9
LEAST, MOST = 0.8, 0.97
FEWEST = 50
# The share of rows whose nearest neighbor is shown, where there is no valley.
SHOWN = 0.02
BINS = 40


def semantic_threshold(nearest: NDArray[np.float32]) -> float:
    """Return the cosine from which a row's nearest neighbor is worth a look.

    `nearest` is the similarity of each row's nearest neighbor that is no copy. Duplicates make a
    second hill to the right of what is usual in a collection; the valley between the two is the
    threshold. Without one it is the similarity that 2 % of the rows reach, within bounds.
    """
    known = nearest[np.isfinite(nearest)]
    if len(known) < FEWEST:
        return USUAL
    valley = _valley(known)
    found = float(np.quantile(known, 1 - SHOWN)) if valley is None else valley
    return float(np.clip(found, LEAST, MOST))


def _valley(known: NDArray[np.float32]) -> float | None:
    """Return the lowest point between the main hill and a hill right of it; None without one."""
    counts, edges = np.histogram(known, bins=BINS, range=(0.5, 1.0))
    smooth = np.convolve(counts, np.ones(3) / 3, mode="same")
    top = int(smooth.argmax())
    right = smooth[top:]
    if len(right) < 4:
        return None
    lowest = int(right.argmin())
    second = right[lowest:].max()
    # A hill, and not a ripple of what is left of the first.
    if second < max(3.0, 2 * right[lowest]) or lowest == 0:
        return None
    flat = np.flatnonzero(right[lowest:] <= right[lowest] + 1e-9)
    middle = top + lowest + int(flat[len(flat) // 2])
    return float(edges[middle])
