"""Made-up tastes: two groups of users, each with items of its own."""

import numpy as np

from embedhub.recommend.interactions import Interactions

GROUP_ITEMS = 30


def tastes(
    *, n_users: int = 120, per_user: int = 14, seed: int = 3, with_times: bool = False
) -> Interactions:
    """Return events of users of two groups; of ten events nine are of the group's own items."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), per_user)
    rank = np.minimum(rng.geometric(0.08, size=len(users)) - 1, GROUP_ITEMS - 1)
    own = rng.random(len(users)) < 0.9
    group = np.where(own, users % 2, 1 - users % 2)
    times = np.tile(np.arange(per_user, dtype=np.float64) * 60, n_users) if with_times else None
    return Interactions(
        users, group * GROUP_ITEMS + rank, np.ones(len(users)), times, n_users, 2 * GROUP_ITEMS
    )
