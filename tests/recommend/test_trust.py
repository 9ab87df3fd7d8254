"""Bots are found by their rate, and count little."""

import numpy as np

from embedhub.recommend.interactions import Interactions
from embedhub.recommend.trust import latest_events, most_per_hour, trust_of_users

HOUR = 3_600.0


def at(times_of_users: list[np.ndarray]) -> Interactions:
    users = np.repeat(np.arange(len(times_of_users)), [len(times) for times in times_of_users])
    times = np.concatenate(times_of_users)
    n = len(users)
    return Interactions(users, np.arange(n) % 7, np.ones(n), times, len(times_of_users), 7)


BOT = np.arange(10_000) * HOUR / 10_000 + 5e8
READER = np.arange(300) * 20.0 + 5e8
COLLECTOR = np.arange(5_000) * 900.0


def test_the_busiest_hour_of_each_user_is_counted() -> None:
    assert most_per_hour(at([COLLECTOR, BOT, READER])).tolist() == [4, 10_000, 180]


def test_a_bot_counts_less_and_people_count_in_full() -> None:
    trust = trust_of_users(at([COLLECTOR, BOT, READER]))

    assert trust.tolist() == [1.0, 0.12, 1.0]


def test_a_rate_is_told_from_times_only_where_they_mean_something() -> None:
    tied = at([np.zeros(5_000), np.zeros(10)])

    assert trust_of_users(tied).tolist() == [1.0, 1.0]
    assert trust_of_users(tied.keep(np.zeros(0, dtype=np.int64))).tolist() == [1.0, 1.0]


def test_of_a_long_history_the_latest_are_kept_in_their_order() -> None:
    events = at([COLLECTOR, READER])

    kept = latest_events(events, 200)

    assert kept.times is not None
    assert kept.times.tolist() == [*COLLECTOR[-200:], *READER[-200:]]
    assert latest_events(kept, 200) is kept
