"""A user's latest interactions as a history: which items, how much each counts; pure.

The same events count as in training: welcome ones that no unwelcome one of the same item takes
back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from embedhub.recommend.interactions import Floats

# Events that count less than this share of the strongest change no list, and rows of neighbors are
# most of what a long history costs.
LEAST_SHARE = 2.0**-13


class Event(NamedTuple):
    """One interaction of a user."""

    item_id: int
    type: str
    value: float
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """What a user did: items that count, the latest first, each as often as it was had.

    `unwelcome` are the items that were last disliked, skipped or returned; `is_cut` says that there
    is more than was read.
    """

    events: tuple[int, ...] = ()
    unwelcome: frozenset[int] = frozenset()
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """Distinct items, the latest first, and how much each counts."""

    items: tuple[int, ...]
    amounts: Floats

    def only(self, known: Iterable[int]) -> "History":
        """Return the history of these items alone."""
        kept = frozenset(known)
        places = [place for place, item in enumerate(self.items) if item in kept]
        return History(tuple(self.items[place] for place in places), self.amounts[places])

    @property
    def weighty(self) -> list[int]:
        """The items that count: not those of events so long ago that nobody could tell."""
        least = LEAST_SHARE * self.amounts.max(initial=0.0)
        return [self.items[place] for place in np.flatnonzero(self.amounts >= least)]


def past_of(events: Sequence[Event], weights: Mapping[str, float], most: int) -> Past:
    """Return what counts of a user's events, which are given the latest first."""
    counted: list[int] = []
    unwelcome: set[int] = set()
    for event in events[:most]:
        amount = weights.get(event.type, 0.0) * event.value
        if amount < 0:
            unwelcome.add(event.item_id)
        elif amount > 0 and event.item_id not in unwelcome:
            counted.append(event.item_id)
    return Past(tuple(counted), frozenset(unwelcome.difference(counted)), len(events) > most)


def history_of(events: Sequence[int], half_life: float | None) -> History:
    """Return the distinct items of events, given the latest first, as the latest of each counts.

    An event counts 2^(-rank/half_life), where rank is the number of later ones; 1 without.
    """
    first: dict[int, int] = {}
    for rank, item in enumerate(events):
        first.setdefault(item, rank)
    ranks = np.array(list(first.values()), dtype=np.float64)
    amounts = np.ones(len(ranks)) if half_life is None else 2.0 ** (-ranks / half_life)
    return History(tuple(first), np.asarray(amounts))
