"""How many have an item, lately more than long ago; pure."""

import numpy as np

from embedhub.recommend.interactions import Floats, Interactions

DAY_S = 86_400.0


def popularity(events: Interactions, half_life_days: float | None = None) -> Floats:
    """Return per item its events, each counted 2^(-age/half-life) where a half-life is given.

    Ages are counted from the last event. Without times every event counts 1.
    """
    counted = np.ones(len(events))
    if half_life_days is not None and events.times is not None and len(events):
        counted = 2.0 ** ((events.times - events.times.max()) / (half_life_days * DAY_S))
    return np.asarray(
        np.bincount(events.items, weights=counted, minlength=events.n_items), dtype=np.float64
    )
