"""A hold-out that imitates the use: what it hides is what will be asked; pure.

By time where times mean something, else random. Some users are withheld from training, so that
weights of short histories are learned as new users meet them.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from embedhub.recommend.interactions import (
    Interactions,
    Mask,
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
# Lengths to which the histories of withheld users are cut, several within each bucket but the last.
CUTS = (1, 2, 3, 4, 5, 6, 8, 10, 14, 19, 20, 30, 45)


class Order(StrEnum):
    """What the order of events means: `time`, or nothing (`random`)."""

    TIME = "time"
    RANDOM = "random"


@dataclass(frozen=True)
class Holdout:
    """What to train on, what each user is known by, what is to be found, who was withheld."""

    train: Interactions
    known: Interactions
    hidden: Interactions
    withheld: Mask

    def cut(self, length: int, seed: int) -> Interactions:
        """Return `length` events of each withheld user: the first by time, else any."""
        of_new = self.known.keep(self.withheld[self.known.users])
        if of_new.times is None:
            of_new = of_new.keep(np.random.default_rng(seed).permutation(len(of_new)))
        return first_events(of_new, length)


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
        train=split.train.keep(~withheld[split.train.users]),
        known=split.train,
        hidden=split.test,
        withheld=withheld,
    )
