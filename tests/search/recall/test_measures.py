"""Recall and its classes, by hand."""

import random

import pytest

from embedhub.search.filters import parse_filter
from embedhub.search.fusion import Candidate
from embedhub.search.recall.filters import make_filter
from embedhub.search.recall.measures import FilterClass, class_of_share, recall_of


def ranked(*pairs: tuple[int, float]) -> list[Candidate]:
    return [Candidate(chunk_id, chunk_id, score) for chunk_id, score in pairs]


TRUE = ranked((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.7), (5, 0.6))


def test_recall_is_the_part_of_the_true_nearest_that_was_found() -> None:
    assert recall_of(TRUE, TRUE, k=3) == 1
    assert recall_of(ranked((2, 0.8), (9, 0.1), (1, 0.9)), TRUE, k=2) == 0.5
    assert recall_of([], TRUE, k=2) == 0
    assert recall_of(TRUE, [], k=2) is None


def test_what_was_found_behind_the_first_k_does_not_count() -> None:
    found = ranked((9, 0.99), (8, 0.98), (1, 0.9))
    assert recall_of(found, TRUE, k=2) == 0


def test_equals_of_the_last_true_one_count_and_better_strangers_do_not() -> None:
    assert recall_of(ranked((1, 0.9), (2, 0.8), (4, 0.7)), TRUE, k=3) == 1
    assert recall_of(ranked((1, 0.9), (2, 0.8), (7, 0.75)), TRUE, k=3) == pytest.approx(2 / 3)


def test_one_row_found_twice_counts_once() -> None:
    assert recall_of(ranked((1, 0.9), (1, 0.9)), TRUE, k=2) == 0.5


def test_fewer_than_k_true_ones_are_all_there_is() -> None:
    assert recall_of(ranked((1, 0.9)), ranked((1, 0.9)), k=10) == 1


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, FilterClass.HALF),
        (0.4, FilterClass.HALF),
        (0.12, FilterClass.TENTH),
        (0.01, FilterClass.HUNDREDTH),
        (0.0009, FilterClass.THOUSANDTH),
        (0.0, FilterClass.THOUSANDTH),
    ],
)
def test_a_share_belongs_to_the_class_nearest_by_ratio(share: float, expected: FilterClass) -> None:
    assert class_of_share(share) is expected


ROWS = [
    {
        "year": i,
        "when": 1_600_000_000.0 + i * 86_400,
        "half": "yes" if i % 2 else "no",
        "tags": ["a", "a", "b"] if i % 10 == 0 else ["c"],
        "essay": "x" * 260,
        "unknown": None,
    }
    for i in range(2_000)
]


@pytest.mark.parametrize("wanted", [one for one in FilterClass if one is not FilterClass.NONE])
@pytest.mark.parametrize("seed", range(8))
def test_a_filter_made_from_rows_keeps_about_what_was_wanted(
    wanted: FilterClass, seed: int
) -> None:
    filterable = {"when": "date"}
    made = make_filter(ROWS, filterable, wanted, random.Random(seed))
    assert made is not None
    # A caller may ask it.
    assert parse_filter(made, filterable) != parse_filter(None, filterable)
    [(name, condition)] = made.items()
    assert name not in {"essay", "unknown"}
    kept = [row for row in ROWS if keeps(row[name], condition, is_date=name == "when")]
    if isinstance(condition, dict) or wanted is not FilterClass.THOUSANDTH:
        assert class_of_share(len(kept) / len(ROWS)) is wanted


def keeps(value: object, condition: object, *, is_date: bool) -> bool:
    from embedhub.search.attributes import epoch_of

    if isinstance(condition, dict):
        low, high = condition["$gte"], condition["$lte"]
        if is_date:
            low, high = epoch_of(low), epoch_of(high)
        assert isinstance(value, int | float)
        return bool(low <= value <= high)
    return condition in value if isinstance(value, list) else value == condition


def test_rows_without_metadata_give_no_filter() -> None:
    assert make_filter([{}, {}], {}, FilterClass.TENTH, random.Random(1)) is None
    assert make_filter([], {}, FilterClass.TENTH, random.Random(1)) is None
    same = [{"lang": "en"}] * 50
    assert make_filter(same, {}, FilterClass.HUNDREDTH, random.Random(1)) is None


@pytest.mark.parametrize("wanted", [FilterClass.HALF, FilterClass.TENTH, FilterClass.HUNDREDTH])
def test_numbers_that_are_no_date_are_not_asked_of_a_date(wanted: FilterClass) -> None:
    # Milliseconds, stored before the field was declared as a date.
    rows = [{"when": 1_700_000_000_000 + i // 10} for i in range(100)]
    for seed in range(10):
        assert make_filter(rows, {"when": "date"}, wanted, random.Random(seed)) is None
