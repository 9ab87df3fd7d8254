"""Filters: what is refused, and that Postgres answers what the reference evaluator answers."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url

from embedhub.config import get_config
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search import conditions, filters
from embedhub.search.attributes import check_attributes, epoch_of, normalise_attributes
from embedhub.search.filters import parse_filter
from tests.search.reference import matches

Evaluate = Callable[..., list[bool]]

STRINGS = st.sampled_from(
    ["", "a", "b", "ab", "aB", "%", "_", "a.b", ".*", "\\", '"', "'", "ü", "中文", "😀", "\n\t",
     "2020-01-01", "true", "1", "x" * 256, "x" * 257, "ü" * 128, "ü" * 129, "x" * 300 + "y"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-3, 3), st.sampled_from([0.5, -0.5, 1e22, -1e-9, 2**70, 0.1, 1.0, -0.0])
)
SCALARS = st.one_of(STRINGS, NUMBERS, st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "x"]), inner, max_size=2),
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(["a", "b", "a.b", "ü", "ü.x", 'quo"te', "missing"])
METADATA = st.dictionaries(NAMES, VALUES, max_size=4)
OPERANDS = SCALARS.filter(lambda value: not isinstance(value, str) or len(value.encode()) <= 256)
SOLID = OPERANDS.filter(lambda value: value is not None)
ORDERED = SOLID.filter(lambda value: not isinstance(value, bool))
OPERATORS = st.one_of(
    OPERANDS,
    st.fixed_dictionaries({"$eq": OPERANDS}),
    st.fixed_dictionaries({"$ne": OPERANDS}),
    st.fixed_dictionaries({"$in": st.lists(OPERANDS, max_size=3)}),
    st.fixed_dictionaries({"$nin": st.lists(OPERANDS, max_size=3)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$contains": SOLID}),
    st.fixed_dictionaries({"$gte": ORDERED, "$lt": ORDERED}),
    st.fixed_dictionaries({"$gt": ORDERED}),
    st.fixed_dictionaries({"$lte": ORDERED}),
    st.fixed_dictionaries({"$not": st.fixed_dictionaries({"$gt": ORDERED})}),
)
CONDITIONS = st.recursive(
    st.dictionaries(NAMES, OPERATORS, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def evaluate(server_url: str) -> Iterator[Evaluate]:
    """Returns what Postgres says for each metadata object."""
    engine = sqlalchemy_engine(make_url(server_url).set(drivername="postgresql+psycopg"))
    columns = Column("position", Integer), Column("attributes", JSONB)
    table = Table("filtered", MetaData(), *columns, prefixes=["TEMPORARY"])
    with engine.connect() as connection:
        table.create(connection)

        def run(
            raw: dict[str, Any], metadata: list[dict[str, Any]], declared: dict[str, str]
        ) -> list[bool]:
            condition = parse_filter(raw, declared).predicate(table.c.attributes)
            connection.execute(table.delete())
            rows = [
                {"position": position, "attributes": normalise_attributes(one, declared)}
                for position, one in enumerate(metadata)
            ]
            connection.execute(insert(table), rows)
            holds = select(condition).select_from(table).order_by(table.c.position)
            return list(connection.execute(holds).scalars())

        yield run
    engine.dispose()


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(raw=CONDITIONS, metadata=st.lists(METADATA, min_size=1, max_size=8))
def test_postgres_agrees_with_the_reference(
    evaluate: Evaluate, raw: dict[str, Any], metadata: list[dict[str, Any]]
) -> None:
    assert evaluate(raw, metadata, {}) == [matches(raw, one) for one in metadata]


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(raw=CONDITIONS, metadata=st.lists(METADATA, min_size=1, max_size=8))
def test_what_helps_an_index_never_changes_what_passes(
    evaluate: Evaluate,
    monkeypatch: pytest.MonkeyPatch,
    raw: dict[str, Any],
    metadata: list[dict[str, Any]],
) -> None:
    # Lists of two values are long already, and every field has a B-tree; the types of operands
    # are not checked here, so that values of all types meet.
    monkeypatch.setattr(conditions, "MAX_PATH_VALUES", 1)
    monkeypatch.setattr(filters._Operand, "declared_value", lambda _, value: value)
    declared = dict.fromkeys(["a", "b", "a.b", "ü", "ü.x", 'quo"te', "missing"], "number")
    assert evaluate(raw, metadata, declared) == [matches(raw, one) for one in metadata]


ROWS: list[dict[str, Any]] = [
    {},
    {"year": 2020, "lang": "en", "tags": ["a", "b"], "draft": False},
    {"year": 2021.5, "lang": "de", "tags": [], "draft": True},
    {"year": "2020", "lang": None, "tags": "a"},
    {"meta": {"author": {"name": "Ada"}}, "list": [{"n": 1}, {"n": 2}]},
]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"lang": "en"}, [1]),
        ({"lang": {"$eq": "en"}}, [1]),
        ({"lang": {"$ne": "en"}}, [0, 2, 3, 4]),
        ({"year": {"$gt": 2020}}, [2]),
        ({"year": {"$gte": 2020}}, [1, 2]),
        ({"year": {"$lt": 2021.5}}, [1]),
        ({"year": {"$lte": 2021.5}}, [1, 2]),
        ({"year": {"$gte": "2020"}}, [3]),
        ({"year": {"$in": [2020, "2020"]}}, [1, 3]),
        ({"year": {"$in": []}}, []),
        ({"year": {"$nin": [2020]}}, [0, 2, 3, 4]),
        ({"lang": {"$exists": True}}, [1, 2, 3]),
        ({"meta": {"$exists": True}}, [4]),
        ({"lang": {"$exists": False}}, [0, 4]),
        ({"lang": None}, [0, 3, 4]),
        ({"lang": {"$ne": None}}, [1, 2]),
        ({"tags": "a"}, [1, 3]),
        ({"tags": {"$contains": "b"}}, [1]),
        ({"lang": {"$contains": "e"}}, [1, 2]),
        ({"tags": {"$contains": ""}}, [3]),
        ({"draft": True}, [2]),
        ({"draft": {"$ne": True}}, [0, 1, 3, 4]),
        ({"meta.author.name": "Ada"}, [4]),
        ({"list.n": 2}, [4]),
        ({"$or": [{"lang": "de"}, {"year": 2020}]}, [1, 2]),
        ({"$and": [{"lang": "en"}, {"year": 2020}]}, [1]),
        ({"$not": {"lang": "en", "year": 2020}}, [0, 2, 3, 4]),
        ({"year": {"$not": {"$gte": 2020}}}, [0, 3, 4]),
        ({"lang": "en", "year": 1999}, []),
    ],
)
def test_each_operator(evaluate: Evaluate, raw: dict[str, Any], expected: list[int]) -> None:
    found = [position for position, holds in enumerate(evaluate(raw, ROWS, {})) if holds]
    assert found == expected
    assert found == [position for position, row in enumerate(ROWS) if matches(raw, row)]


def test_declared_dates_compare_as_moments_in_any_zone(evaluate: Evaluate) -> None:
    declared = {"seen": "date"}
    rows: list[dict[str, Any]] = [
        {"seen": "2020-06-01T01:00:00+02:00"},  # 31 May, 23:00 UTC
        {"seen": "2020-06-01"},
        {"seen": ["2019-01-01", "2020-06-01T00:00:00.5Z"]},
        {"seen": "soon"},
        {},
    ]
    after = {"seen": {"$gte": "2020-06-01T00:00:00Z"}}
    assert evaluate(after, rows, declared) == [False, True, True, False, False]
    assert evaluate({"seen": "2020-05-31T23:00:00+00:00"}, rows, declared) == [True] + 4 * [False]
    for raw in (after, {"seen": {"$in": ["2020-06-01"]}}, {"seen": {"$ne": "2020-06-01"}}):
        expected = [matches(raw, row, frozenset(["seen"])) for row in rows]
        assert evaluate(raw, rows, declared) == expected


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ([], "filter"),
        ("x", "filter"),
        ({"year": {"$near": 1}}, "filter.year.$near"),
        ({"$nor": [{"a": 1}]}, "filter.$nor"),
        ({"$or": []}, "filter.$or"),
        ({"$or": {"a": 1}}, "filter.$or"),
        ({"$or": [{"a": 1}, {}]}, "filter.$or.1"),
        ({"$or": [{"a": 1}, {"b": {"$gt": None}}]}, "filter.$or.1.b.$gt"),
        ({"$not": []}, "filter.$not"),
        ({"year": {}}, "filter.year"),
        ({"year": [2020]}, "filter.year"),
        ({"year": {"$gte": True}}, "filter.year.$gte"),
        ({"year": {"$gte": [1]}}, "filter.year.$gte"),
        ({"year": {"$in": 3}}, "filter.year.$in"),
        ({"year": {"$in": [1, {"a": 1}]}}, "filter.year.$in.1"),
        ({"year": {"$exists": 1}}, "filter.year.$exists"),
        ({"year": float("nan")}, "filter.year"),
        ({"year": {"$lt": float("inf")}}, "filter.year.$lt"),
        ({"year": 10**400}, "filter.year"),
        ({"year": "\ud800"}, "filter.year"),
        ({"\ud800": 1}, "filter"),
        ({"a\0": 1}, "filter"),
        ({"a": "b\0"}, "filter.a"),
        ({"a": "x" * 257}, "filter.a"),
        ({"x" * 257: 1}, "filter"),
        ({"": 1}, "filter"),
        ({1: 1}, "filter"),
        ({"a": {"\ud800": 1}}, "filter.a"),
    ],
)
def test_a_malformed_filter_names_the_path(raw: object, path: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_filter(raw, {})
    assert error.value.field == path


@pytest.mark.parametrize(
    ("declared", "operand", "fits"),
    [
        ("number", 1, True),
        ("number", "1", False),
        ("number", True, False),
        ("string", "1", True),
        ("string", 1, False),
        ("boolean", False, True),
        ("boolean", 0, False),
        ("date", "2020-02-30", False),
        ("date", "2020-02-29", True),
        ("date", 1577836800, False),
        ("array", 1, True),
    ],
)
def test_a_declared_field_takes_operands_of_its_type(
    declared: str, operand: object, fits: bool
) -> None:
    for raw in ({"f": operand}, {"f": {"$in": [operand]}}, {"$not": {"f": {"$ne": operand}}}):
        if fits:
            parse_filter(raw, {"f": declared})
        else:
            with pytest.raises(InvalidInput) as error:
                parse_filter(raw, {"f": declared})
            assert error.value.field is not None
            assert "f" in error.value.field
    parse_filter({"f": None}, {"f": declared})


def test_sizes_are_limited() -> None:
    limit = get_config().max_filter_values
    parse_filter({"a": {"$in": list(range(limit))}}, {})
    with pytest.raises(TooLarge) as error:
        parse_filter({"b": {"$nin": [1]}, "a": {"$in": list(range(limit))}}, {})
    assert error.value.field == "filter.a.$in"
    with pytest.raises(TooLarge):
        parse_filter({"$or": [{"a": number} for number in range(10_000)]}, {})
    deep: dict[str, Any] = {"a": 1}
    for _ in range(10_000):
        deep = {"$not": deep}
    with pytest.raises(TooLarge):
        parse_filter(deep, {})


def test_the_largest_filter_runs(evaluate: Evaluate) -> None:
    limit = get_config().max_filter_terms
    raw = {"$or": [{"a": f"{number:0256d}"} for number in range(limit)]}
    assert evaluate(raw, [{"a": f"{limit - 1:0256d}"}, {"a": "b"}], {}) == [True, False]
    deep: dict[str, Any] = {"a": "b"}
    for _ in range(get_config().max_filter_depth // 2 - 2):
        deep = {"$not": {"$or": [deep, {"c": 1}]}}
    assert evaluate(deep, [{"a": "b"}, {"a": "a"}], {}) == [matches(deep, {"a": x}) for x in "ba"]


@pytest.mark.parametrize("declared", [{}, {"a": "string"}])
def test_ten_thousand_values_are_looked_up_and_not_compared_one_by_one(
    evaluate: Evaluate, declared: dict[str, str]
) -> None:
    values = [f"v{number}" for number in range(get_config().max_filter_values)]
    rows: list[dict[str, Any]] = [{"a": f"v{number}"} for number in range(9_000, 12_000)]
    rows += [{"a": ["x", "v7"]}, {"a": ["x"]}, {"a": []}, {"a": None}, {"a": 7}, {}]
    expected = [True] * 1_000 + [False] * 2_000 + [True, *[False] * 5]
    started = time.perf_counter()
    assert evaluate({"a": {"$in": values}}, rows, declared) == expected
    assert evaluate({"a": {"$nin": values}}, rows, declared) == [not one for one in expected]
    mixed = {"$or": [{"b": 1}, {"$not": {"a": {"$in": values}}}], "a": {"$exists": True}}
    assert evaluate(mixed, rows, declared) == [
        not one and "a" in row for one, row in zip(expected, rows, strict=True)
    ]
    # Compared one by one, 3,000 rows take half a minute.
    assert time.perf_counter() - started < 15


def test_attributes_are_flat_and_bounded() -> None:
    stored = normalise_attributes(
        {
            "a": {"b": [1, [2]], "c": {}},
            "a.b": 3,
            "e": [{}],
            "long": "ü" * 200,
            "k" * 257: 1,
            "n": None,
        },
        {},
    )
    assert stored == {"a.b": [1, 2, 3], "a.c": {}, "e": [], "long": "ü" * 130, "n": None}
    assert json.loads(json.dumps(stored)) == stored


def test_metadata_of_another_type_than_declared_is_named() -> None:
    declared = {"a.year": "number", "seen": "date", "tags": "array"}
    check_attributes({"a": {"year": [1, 2]}, "seen": None, "tags": ["x", 1]}, declared)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"a": {"year": "1999"}}, "metadata.a.year"),
        ({"seen": "yesterday"}, "metadata.seen"),
    ]
    for metadata, path in wrong:
        with pytest.raises(InvalidInput) as error:
            check_attributes(metadata, declared)
        assert error.value.field == path


def test_dates_without_a_zone_mean_utc() -> None:
    assert epoch_of("1970-01-02") == 86400
    assert epoch_of("1970-01-01T01:00:00+01:00") == 0
    assert epoch_of("9999-99-99") is None
    assert epoch_of(5) is None
