"""Which plan the dense leg takes, and what a sample says of a shelf: pure."""

import pytest

from embedhub.search.conditions import Bound, Either, Every, Paths, Range, Values, look_up
from embedhub.search.dense import (
    MAX_SCAN_TUPLES,
    MIN_SCAN_TUPLES,
    DensePlan,
    choose,
    n_candidates,
    scan_tuples,
)
from embedhub.search.estimate import SAMPLE_PAGES, Estimate, Sample, Shelf, estimate, scaled
from embedhub.search.field_index import index_suffix
from embedhub.search.filters import parse_filter

N = 110_000


@pytest.mark.parametrize(
    ("n_rows", "n_passing", "n_looked_up", "plan"),
    [
        # nothing is filtered
        (N, N, N, DensePlan.HNSW),
        (9_000, 9_000, 9_000, DensePlan.EXACT),
        # an index finds what passes
        (N, 55_000, 55_000, DensePlan.HNSW),
        (N, 1_100, 1_100, DensePlan.EXACT),
        (N, 110, 110, DensePlan.EXACT),
        (N, 0, 0, DensePlan.EXACT),
        # none does: then few rows have to be searched among all
        (N, 55_000, N, DensePlan.HNSW),
        (N, 11_000, N, DensePlan.HNSW),
        (N, 110, N, DensePlan.EXACT),
        # the larger the table, the more the index is worth
        (10 * N, 11_000, 10 * N, DensePlan.HNSW),
        (10 * N, 11_000, 11_000, DensePlan.EXACT),
    ],
)
def test_the_plan_with_less_work_is_chosen(
    n_rows: int, n_passing: int, n_looked_up: int, plan: DensePlan
) -> None:
    guess = Estimate(n_rows, n_passing, n_looked_up)
    chosen = choose(guess, wanted=100, exact_rows=10_000, ef_search=80)
    assert chosen.plan is plan
    assert chosen.reason
    if plan is DensePlan.HNSW:
        assert chosen.ef_search == 100
        assert MIN_SCAN_TUPLES <= chosen.max_scan_tuples <= MAX_SCAN_TUPLES
        # enough for the rows wanted if they are spread evenly
        assert chosen.max_scan_tuples * n_passing / n_rows >= 100


def test_the_reason_names_no_numbers_of_rows_to_who_may_not_see_them() -> None:
    guess = Estimate(N, 55_000, N)
    told = choose(guess, wanted=100, exact_rows=10_000, ef_search=80)
    untold = choose(guess, wanted=100, exact_rows=10_000, ef_search=80, is_guess_told=False)
    assert "50 %" in told.reason
    assert not any(character.isdigit() for character in untold.reason)


def test_a_scan_is_given_more_rows_the_fewer_pass_up_to_a_limit() -> None:
    shares = [scan_tuples(Estimate(10**7, passing, 10**7), 100) for passing in (10**7, 10**5, 10)]
    assert shares == [MIN_SCAN_TUPLES, 40_000, MAX_SCAN_TUPLES]


def test_bits_propose_more_candidates() -> None:
    assert n_candidates(100, "bit") > n_candidates(100, "halfvec") == 100


def test_a_shelf_that_was_never_analysed_is_counted_by_its_sample() -> None:
    unknown = Shelf(n_pages=10 * SAMPLE_PAGES, rows_per_page=None, indexes=frozenset())
    guess = estimate(unknown, Sample(n_rows=1_000, n_passing=100, n_looked_up=1_000))
    assert guess == Estimate(10_000, 1_000, 10_000)


def test_a_sample_of_long_pages_looks_at_rows_of_every_page() -> None:
    shelf = Shelf(n_pages=10_000, rows_per_page=200.0, indexes=frozenset())
    assert shelf.n_rows == 2_000_000
    # 3 % of the pages hold 60,000 rows: one in 15 is looked at
    assert (shelf.sample_percent, shelf.sample_step) == (3.0, 15)
    guess = estimate(shelf, Sample(n_rows=4_000, n_passing=40, n_looked_up=4_000))
    assert guess == Estimate(2_000_000, 20_000, 2_000_000)
    assert scaled(guess, 1_000) == Estimate(1_000, 10, 1_000)


DECLARED = {"year": "number", "day": "date", "name": "string", "tags": "array", "is": "boolean"}


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"year": {"$gte": 1, "$lt": 3}}, "year[>= 1,< 3]"),
        ({"$and": [{"year": {"$gt": 1}}, {"year": {"$lt": 3}}]}, "year[> 1,< 3]"),
        ({"day": {"$gte": "1970-01-02"}}, "day[>= 86400.0]"),
        ({"tags": "a"}, "path"),
        ({"undeclared": 1, "year": {"$gt": 2}}, "(year[> 2] & path)"),
        ({"$or": [{"tags": "a"}, {"year": {"$gt": 2}}]}, "(path | year[> 2])"),
        ({"name": {"$in": [f"n{i}" for i in range(50)]}}, "name{50}"),
        # nothing that an index could look up, or not in every branch
        ({"undeclared": {"$gt": 2}}, None),
        ({"name": {"$gt": "a"}}, None),
        ({"tags": {"$ne": "a"}}, None),
        ({"$not": {"year": {"$gt": 2}}}, None),
        ({"year": None}, None),
        ({"name": {"$contains": "x"}}, None),
        ({"undeclared": {"$in": list(range(50))}}, None),
        ({"$or": [{"year": {"$gt": 2}}, {"is": {"$ne": True}}]}, None),
        ({"$or": [{"year": {"$gt": 2}}, {"is": {"$ne": True}}], "tags": "a"}, "path"),
    ],
)
def test_what_indexes_look_up_of_a_filter(raw: dict[str, object], found: str | None) -> None:
    condition = parse_filter(raw, DECLARED).condition
    assert condition is not None
    assert told(look_up(condition)) == found


def told(found: object) -> str | None:
    match found:
        case None:
            return None
        case Paths():
            return "path"
        case Range(field=field, bounds=bounds):
            return f"{field}[{','.join(map(bound, bounds))}]"
        case Values(field=field, values=values):
            return f"{field}{{{len(values)}}}"
        case Every(parts=parts):
            return f"({' & '.join(str(told(part)) for part in parts)})"
        case Either(parts=parts):
            return f"({' | '.join(str(told(part)) for part in parts)})"
    raise AssertionError(found)


def bound(one: Bound) -> str:
    return f"{one.operator} {one.value}"


def test_a_look_up_counts_only_with_its_index() -> None:
    asked = parse_filter({"year": {"$gt": 2}, "tags": "a"}, DECLARED).look_up()
    either = parse_filter({"$or": [{"year": {"$gt": 2}}, {"tags": "a"}]}, DECLARED).look_up()
    without = Shelf(10, 10.0, frozenset({"embeddings_1_attributes"}))
    assert told(without.served(asked)) == "path"
    assert without.served(either) is None
    built = Shelf(10, 10.0, frozenset({f"vectors.embeddings_1_{index_suffix('year')}"}))
    assert told(built.served(asked)) == "(year[> 2] & path)"
    assert told(built.served(either)) == "(year[> 2] | path)"
