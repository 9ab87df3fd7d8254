"""How many have an item, lately more than long ago; pure."""

import numpy as np

from embedhub.recommend.interactions import Floats, Interactions, histories

DAY_S = 86_400.0


def popularity(
    events: Interactions, half_life_days: float | None = None, trust: Floats | None = None
) -> Floats:
    """Return per item its users, each counted 2^(-age/half-life) where a half-life is given.

    Ages are those of a user's last event with the item, counted from the last event of all. A user
    counts `trust` (1 each unless given) and once, however often the item was used.
    """
    counted = np.ones(len(events))
    if half_life_days is not None and events.times is not None and len(events):
        counted = 2.0 ** ((events.times - events.times.max()) / (half_life_days * DAY_S))
    having = histories(events, counted)
    return np.asarray(having.sum(axis=0) if trust is None else trust @ having, dtype=np.float64)
