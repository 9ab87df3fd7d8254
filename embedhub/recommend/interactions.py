"""Interactions as arrays, and the histories they add up to; pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
# Fewer distinct times than this share of a user's events, and their order says nothing.
DISTINCT_TIMES = 0.1


@dataclass(frozen=True)
class Interactions:
    """Events in the order they were written: who, what, how much and when (seconds, or None)."""

    users: Integers
    items: Integers
    values: Floats
    times: Floats | None
    n_users: int
    n_items: int

    def __post_init__(self) -> None:
        lengths = {len(self.users), len(self.items), len(self.values)}
        if self.times is not None:
            lengths.add(len(self.times))
        if len(lengths) > 1:
            raise ValueError("users, items, values and times differ in length")
        if not np.isfinite(self.values).all():
            raise ValueError("values must be finite numbers")
        if self.times is not None and not np.isfinite(self.times).all():
            raise ValueError("times must be finite numbers")
        for name, indexes, size in (
            ("users", self.users, self.n_users),
            ("items", self.items, self.n_items),
        ):
            if len(indexes) and not (indexes.min() >= 0 and indexes.max() < size):
                raise ValueError(f"{name} must be between 0 and {size - 1}")

    def __len__(self) -> int:
        return len(self.users)

    def keep(self, rows: Mask | Integers) -> "Interactions":
        """Return the events at `rows`; numbers of users and items stay what they are."""
        times = None if self.times is None else self.times[rows]
        return Interactions(
            self.users[rows],
            self.items[rows],
            self.values[rows],
            times,
            self.n_users,
            self.n_items,
        )


def joined(one: Interactions, other: Interactions) -> Interactions:
    """Return the events of both, over the same users and items, as if written in that order."""
    times = None
    if one.times is not None and other.times is not None:
        times = np.concatenate((one.times, other.times))
    return Interactions(
        np.concatenate((one.users, other.users)),
        np.concatenate((one.items, other.items)),
        np.concatenate((one.values, other.values)),
        times,
        one.n_users,
        one.n_items,
    )


def histories(events: Interactions, weights: Floats | None = None) -> sparse.csr_array:
    """Return users × items: the largest weight of a pair's events (1 each unless given)."""
    given = np.ones(len(events)) if weights is None else weights
    kept = given > 0
    users, items, amounts = events.users[kept], events.items[kept], given[kept]
    order = np.lexsort((amounts, items, users))
    users, items, amounts = users[order], items[order], amounts[order]
    last = np.ones(len(users), dtype=bool)
    last[:-1] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    return sparse.csr_array(
        (amounts[last], (users[last], items[last])), shape=(events.n_users, events.n_items)
    )


def ranks_of_events(events: Interactions) -> Integers:
    """Return how many events of the same user are later: 0 for the last one.

    Events of one time keep the order in which they were written.
    """
    written = np.arange(len(events))
    times = written if events.times is None else events.times
    order = np.lexsort((written, times, events.users))
    users = events.users[order]
    ends = np.searchsorted(users, users, side="right")
    ranks = np.empty(len(events), dtype=np.int64)
    ranks[order] = ends - 1 - written
    return ranks


def places_of_events(events: Interactions) -> Integers:
    """Return how many events of the same user are earlier: 0 for the first one."""
    counts = np.bincount(events.users, minlength=events.n_users)
    return np.asarray(counts[events.users] - 1 - ranks_of_events(events))


def recency_weights(events: Interactions, half_life: float | None) -> Floats:
    """Return 2^(-rank/half_life) of each event in its user's history, or 1 without a half-life.

    `half_life` counts events, not days: by event rank recency lifted a time-ordered hold-out by a
    quarter, by the clock it did not.
    """
    if half_life is None:
        return np.ones(len(events))
    return np.asarray(2.0 ** (-ranks_of_events(events) / half_life))


def times_mean_something(events: Interactions) -> bool:
    """Return whether the users' events have an order in time: times given, and mostly not tied."""
    if events.times is None or not len(events):
        return False
    pairs = np.unique(np.column_stack((events.users, events.times)), axis=0)
    spread = len(pairs) - len(np.unique(events.users))
    repeated = len(events) - len(np.unique(events.users))
    return repeated > 0 and spread / repeated >= DISTINCT_TIMES
