import math

import pytest

from embedhub.errors import InvalidInput
from embedhub.replica.position import LagClock, format_position, parse_position


@pytest.mark.parametrize("text", ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "1/2"])
def test_a_position_is_read_as_it_is_written(text: str) -> None:
    assert format_position(parse_position(text)) == text


@pytest.mark.parametrize("text", ["", "1", "1/", "g/1", "1/2/3", "123456789/0", " 1/2", "1/2\n"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_position(text)
    assert refused.value.field == "Consistency-Token"


def test_who_has_everything_is_not_late_however_long_nothing_was_written() -> None:
    clock = LagClock(10)
    clock.note(100, 0)
    clock.note(100, 500)
    assert clock.lag(100, 500) == 0
    assert clock.lag(101, 500) == 0


def test_the_lag_counts_from_when_the_primary_was_last_where_the_replica_is() -> None:
    clock = LagClock(10)
    for at, position in ((0, 100), (1, 200), (2, 300)):
        clock.note(position, at)
    assert clock.lag(299, 2.5) == 1.5
    assert clock.lag(200, 2.5) == 1.5
    assert clock.lag(100, 2.5) == 2.5


def test_behind_all_that_was_seen_the_lag_is_unknown() -> None:
    clock = LagClock(10)
    assert clock.lag(100, 0) is None
    clock.note(100, 0)
    assert clock.lag(99, 0) is None
    clock.note(200, 100)
    clock.note(300, 200)
    assert clock.lag(150, 200) == math.inf, "what is older than is kept was forgotten"
