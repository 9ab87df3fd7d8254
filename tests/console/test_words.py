from datetime import UTC, datetime, timedelta

import pytest

from embedhub.console import words

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("count", "expected"), [(0, "0"), (1204, "1,204"), (10_000, "10,000")])
def test_a_count_below_its_bound_is_exact(count: int, expected: str) -> None:
    assert words.bounded(count, 10_000) == expected


def test_a_count_above_its_bound_says_so() -> None:
    assert words.bounded(10_001, 10_000) == "more than 10,000"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (130, "2 min 10 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (11_100, "3 h 5 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_are_told_in_two_units(seconds: float, expected: str) -> None:
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (timedelta(seconds=2), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(minutes=-5), "in 5 min"),
        (timedelta(days=1, hours=2), "1 day ago"),
        (timedelta(days=40), "40 days ago"),
    ],
)
def test_moments_are_told_from_now(delta: timedelta, expected: str) -> None:
    assert words.ago(NOW - delta, NOW) == expected


def test_percents_reach_a_hundred_only_with_the_last_row() -> None:
    assert words.percent(9_999, 10_000) == 99
    assert words.percent(10_000, 10_000) == 100


def test_nothing_to_do_is_done() -> None:
    assert words.percent(0, 0) == 100


@pytest.mark.parametrize(
    ("done", "total", "expected"), [(25, 100, 90.0), (100, 100, 0.0), (0, 100, None)]
)
def test_the_rest_is_expected_at_the_pace_so_far(
    done: int, total: int, expected: float | None
) -> None:
    assert words.remaining_s(done, total, NOW - timedelta(seconds=30), NOW) == expected


def test_nobody_can_tell_the_rest_of_an_unknown_total() -> None:
    assert words.remaining_s(25, None, NOW, NOW) is None


def test_the_first_line_that_says_something_is_cut_with_a_sign() -> None:
    assert words.first_line("\n  \n  reason one\nreason two") == "reason one"
    assert words.first_line("x" * 200, 10) == "x" * 9 + "…"


def test_lists_are_numbered_and_objects_named() -> None:
    assert words.rows_of(["a", "b"]) == [("1", "a"), ("2", "b")]
    assert words.rows_of({"k": 1}) == [("k", 1)]
    assert words.rows_of("text") == []
