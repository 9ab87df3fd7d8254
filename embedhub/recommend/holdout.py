"""A hold-out that imitates the use: what it hides is what will be asked; pure.

By time where times mean something, else random. Some users are withheld from training, so that
weights of short histories are learned as new users bring them.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from embedhub.recommend.interactions import (
    Interactions,
    Mask,
    joined,
    places_of_events,
    times_mean_something,
)
from embedhub.recommend.protocols import (
    first_events,
    first_in_time,
    random_per_user,
    withhold_users,
)

RATIO = 0.8
WITHHELD = 0.2
# What follows a history cut short, as a share of it: as much as the hold-out hides of a whole one.
NEXT = (1.0 - RATIO) / RATIO
# Lengths to which the histories of withheld users are cut, several within each bucket but the last.
CUTS = (1, 2, 3, 4, 5, 6, 8, 10, 14, 19, 20, 30, 45)


class Order(StrEnum):
    """What the order of events means: `time`, or nothing (`random`)."""

    TIME = "time"
    RANDOM = "random"


@dataclass(frozen=True)
class Holdout:
    """What to train on, what each user is known by, what is to be found, who was withheld."""

    order: Order
    train: Interactions
    known: Interactions
    hidden: Interactions
    withheld: Mask

    def cut(self, length: int) -> tuple[Interactions, Interactions]:
        """Return `length` events that a withheld user begins with, and what is to be found then.

        In order of time these are the events that come next, a quarter as many as are known; else
        what the hold-out hides anyway.
        """
        known = self.known.keep(self.withheld[self.known.users])
        hidden = self.hidden.keep(self.withheld[self.hidden.users])
        if self.order is Order.RANDOM:
            if known.times is None:
                known = known.keep(np.random.default_rng(length).permutation(len(known)))
            return first_events(known, length), hidden
        both = joined(known, hidden)
        place = places_of_events(both)
        following = (place >= length) & (place < length + max(round(length * NEXT), 1))
        return both.keep(place < length), both.keep(following)


def order_of(events: Interactions) -> Order:
    """Return `time` where times are given and mostly not tied, else `random`."""
    return Order.TIME if times_mean_something(events) else Order.RANDOM


def hold_out(events: Interactions, order: Order, *, seed: int = 7) -> Holdout:
    """Return the hold-out of a fifth of each user's events; a fifth of the users is withheld."""
    if order is Order.TIME:
        split = first_in_time(events, ratio=RATIO)
    else:
        split = random_per_user(events, ratio=RATIO, seed=seed)
    withheld = withhold_users(events, share=WITHHELD, seed=seed)
    return Holdout(
        order=order,
        train=split.train.keep(~withheld[split.train.users]),
        known=split.train,
        hidden=split.test,
        withheld=withheld,
    )
