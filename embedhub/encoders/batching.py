"""Batches of like length, so that little is computed for padding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def token_budget_batches(lengths: Sequence[int], max_batch_tokens: int) -> list[list[int]]:
    """Return positions in batches, longest texts first, each padded to at most the budget.

    A text longer than the budget makes a batch alone. The longest come first so that a batch too
    big for the device's memory fails at once and not after minutes.
    """
    batches: list[list[int]] = []
    width = 0
    for position in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if not batches or (len(batches[-1]) + 1) * width > max_batch_tokens:
            batches.append([])
            width = max(lengths[position], 1)
        batches[-1].append(position)
    return batches


def padded(
    rows: Sequence[Sequence[int]],
    *,
    pad_id: int,
    pad_left: bool,
    step: int = 1,
    at_most: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids and attention mask of the rows: both of shape (rows, width).

    The width is that of the longest row, rounded up to a multiple of `step`, no more than
    `at_most` unless the row is.
    """
    longest = max(len(row) for row in rows)
    rounded = -(-longest // step) * step
    width = max(longest, rounded if at_most is None else min(rounded, at_most))
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if pad_left else slice(0, len(row))
        ids[index, place] = row
        mask[index, place] = 1
    return ids, mask
