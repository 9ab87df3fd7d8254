"""Which users' events are to be believed: bots and crawlers teach little; pure."""

import numpy as np

from embedhub.recommend.interactions import (
    Floats,
    Interactions,
    ranks_of_events,
    times_mean_something,
)

HOUR_S = 3_600.0
# One every three seconds for an hour: more than a person does.
MOST_PER_HOUR = 1_200


def most_per_hour(events: Interactions) -> Floats:
    """Return per user the most events within any hour; zeros where times mean nothing."""
    busiest = np.zeros(events.n_users)
    if events.times is None or not times_mean_something(events):
        return busiest
    since = events.times - events.times.min()
    # Users one behind another on one axis of time, further apart than any hour reaches.
    places = np.sort(events.users * (since.max() + 2 * HOUR_S) + since)
    order = np.lexsort((since, events.users))
    began = np.searchsorted(places, places - HOUR_S, side="right")
    np.maximum.at(busiest, events.users[order], np.arange(len(places)) - began + 1.0)
    return busiest


def trust_of_users(events: Interactions, at_most: int = MOST_PER_HOUR) -> Floats:
    """Return what each user counts in training: 1, or less the more implausible its rate is."""
    return np.asarray(np.minimum(1.0, at_most / np.maximum(most_per_hour(events), 1.0)))


def latest_events(events: Interactions, n: int) -> Interactions:
    """Return the last `n` events of each user, in the order they were written."""
    if not len(events) or np.bincount(events.users).max() <= n:
        return events
    return events.keep(ranks_of_events(events) < n)
