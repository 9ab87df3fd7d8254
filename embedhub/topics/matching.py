"""Which topic of a new fit is which of the fit before; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from embedhub.topics.grouping import NONE
from embedhub.topics.neighborhood import Integers

# Of the rows that either has, so many have to be in both: else it is another topic.
LEAST_OVERLAP = 0.25


@dataclass(frozen=True, slots=True)
class Match:
    """The number that a group gets; `kept_share` of the former topic's rows are in it still.

    None: nobody has met it before.
    """

    number: int
    kept_share: float | None


def match_numbers(
    old: Integers, new: Integers, *, n_groups: int, next_number: int
) -> tuple[dict[int, Match], int]:
    """Return the number of each new group, and the one that is free after them.

    `old` and `new` are of the same rows: numbers and labels, -1 for none; rows of one fit alone
    count as in none of the other. Pairs are chosen so that the sum of their overlaps (rows in both
    over rows in either) is largest; the largest new groups get the lowest free numbers.
    """
    numbers = np.unique(old[old != NONE])
    found: dict[int, Match] = {}
    if len(numbers) and n_groups:
        counts = np.zeros((len(numbers), n_groups))
        both = (old != NONE) & (new != NONE)
        np.add.at(counts, (np.searchsorted(numbers, old[both]), new[both]), 1)
        had = np.array([(old == number).sum() for number in numbers])
        has = np.bincount(new[new != NONE], minlength=n_groups)
        overlap = counts / np.maximum(had[:, None] + has[None, :] - counts, 1)
        for row, group in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[row, group] >= LEAST_OVERLAP:
                share = float(counts[row, group] / had[row])
                found[int(group)] = Match(int(numbers[row]), share)
    for group in range(n_groups):
        if group not in found:
            found[group] = Match(next_number, None)
            next_number += 1
    return found, next_number


def numbered(labels: Integers, matches: Mapping[int, Match]) -> Integers:
    """Return each row's number for its label; -1 stays."""
    numbers = np.array([matches[group].number for group in range(len(matches))], np.int64)
    if not len(numbers):
        return labels
    result: Integers = np.where(labels == NONE, NONE, numbers[np.maximum(labels, 0)])
    return result
