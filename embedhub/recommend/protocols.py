"""Ways to part interactions into training and test, each exactly repeatable; pure."""

from dataclasses import dataclass

import numpy as np

from embedhub.recommend.interactions import (
    Integers,
    Interactions,
    Mask,
    places_of_events,
    ranks_of_events,
)


@dataclass(frozen=True)
class Split:
    """What is known (`train`) and what is to be found (`test`), over the same numbers."""

    train: Interactions
    test: Interactions


def part(events: Interactions, in_train: Mask) -> Split:
    """Return the split that keeps the events of `in_train` for training."""
    return Split(events.keep(in_train), events.keep(~in_train))


def stratified_by_item(events: Interactions, *, ratio: float = 0.75, seed: int = 42) -> Split:
    """Return the split of Microsoft Recommenders' comparison (notebook at b02c95e2).

    One `numpy.random.seed(seed)` random number for each event as written; the first
    round(ratio · count) events of an item, by that number, are for training.
    """
    draws = np.random.RandomState(seed).rand(len(events))
    return part(events, _first_of_each(events.items, draws, ratio))


def random_per_user(
    events: Interactions, *, ratio: float = 0.8, seed: int = 42, at_least: int = 1
) -> Split:
    """Return a random split of each user's events, without users of fewer than `at_least`."""
    counts = np.bincount(events.users, minlength=events.n_users)
    kept = events.keep(counts[events.users] >= at_least)
    draws = np.random.RandomState(seed).rand(len(kept))
    return part(kept, _first_of_each(kept.users, draws, ratio))


def first_in_time(events: Interactions, *, ratio: float = 0.8) -> Split:
    """Return protocol B: the first `ratio` of each user's events by time are for training."""
    return part(events, _first_of_each(events.users, -ranks_of_events(events), ratio))


def withhold_users(events: Interactions, *, share: float = 0.2, seed: int = 42) -> Mask:
    """Return which users (by index) are to be kept out of training."""
    chosen = np.random.RandomState(seed).permutation(events.n_users)
    withheld = np.zeros(events.n_users, dtype=bool)
    withheld[chosen[: round(share * events.n_users)]] = True
    return withheld


def first_events(events: Interactions, n: int) -> Interactions:
    """Return the first n events of each user, by time where there is one."""
    return events.keep(places_of_events(events) < n)


def _first_of_each(groups: Integers, keys: np.ndarray, ratio: float) -> Mask:
    order = np.lexsort((keys, groups))
    ordered = groups[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    counts = np.searchsorted(ordered, ordered, side="right") - starts
    first = np.empty(len(groups), dtype=bool)
    # Round half to even, as Python and NumPy do.
    first[order] = np.arange(len(groups)) - starts < np.round(ratio * counts)
    return first
