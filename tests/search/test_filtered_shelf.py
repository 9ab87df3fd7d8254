"""Filters on a grown shelf: the rows are the right ones, whatever plan finds them."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.checks import CollectionChanges
from embedhub.collections.service import update_collection
from embedhub.config import get_config, override_config
from embedhub.documents.upkeep import update_attributes
from embedhub.runs import service as runs
from embedhub.search import conditions, dense
from embedhub.search.field_index import index_suffix
from embedhub.search.queries.explaining import nodes
from embedhub.search.request import Leg, LegReport, Mode, SearchRequest, SearchResult
from embedhub.search.service import search
from embedhub.spaces.indexes import grow_space
from tests.factories import SilentProgress, make_collection, send
from tests.search.reference import matches

pytestmark = pytest.mark.usefixtures("sent_jobs")

DIMENSION, N_ROWS = 8, 500
FILTERABLE = {"year": "number", "day": "date", "name": "string", "tags": "array"}
DATES = frozenset({"day"})
VECTORS = np.random.default_rng(3).normal(size=(N_ROWS, DIMENSION)).astype(np.float32)
UNIT = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


def metadata_of(i: int) -> dict[str, Any]:
    """Return fields of every kind: lists under declared scalars, nulls, missing keys."""
    fields: dict[str, Any] = {
        "n": i % 10,
        "tags": [f"t{i % 7}", f"t{i % 3}"],
        "name": f"n{i % 100}",
    }
    if i % 11:
        fields["year"] = [2000 + i % 20, 1990] if i % 13 == 0 else 2000 + i % 20
    if i % 5:
        fields["day"] = f"20{10 + i % 15}-0{1 + i % 9}-01"
    if i % 17 == 0:
        fields |= {"year": None, "name": []}
    return fields


def access_of(i: int) -> list[str] | None:
    return None if i % 4 == 0 else ["alice"] if i % 4 == 1 else ["bob", f"team{i % 30}"]


METADATA = [metadata_of(i) for i in range(N_ROWS)]


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes a few hundred rows count as many, and puts the sizes back."""
    monkeypatch.setattr(dense, "HNSW_START_COST", 0.0)
    monkeypatch.setattr(dense, "HNSW_ROW_COST", 0.01)
    # A list of four values is a long one.
    monkeypatch.setattr(conditions, "MAX_PATH_VALUES", 3)
    override_config(exact_rows=30, lexical_cap=60, candidate_pool=20, deep_pool=400)
    yield
    override_config(exact_rows=10_000, lexical_cap=10_000, candidate_pool=100, deep_pool=1_000)


@pytest.fixture
def shelf(caller: Caller, sizes: None) -> Caller:
    """A collection whose spaces have shelves of their own with all indexes."""
    make_collection(caller, encoder="supplied", dimension=DIMENSION, filterable=FILTERABLE)
    send(
        caller,
        *(
            {
                "external_id": str(i),
                "text": f"common word{i % 50}",
                "vector": VECTORS[i].tolist(),
                "metadata": METADATA[i],
                "access": access_of(i),
            }
            for i in range(N_ROWS)
        ),
    )
    grow()
    return caller


def grow() -> None:
    with db.reading() as session:
        ids = session.execute(text("SELECT id FROM spaces ORDER BY id")).scalars().all()
    for space_id in ids:
        grow_space(SilentProgress(), {"space_id": space_id})


def ask(caller: Caller, **fields: Any) -> SearchResult:
    return search(caller, "papers", SearchRequest(highlight=False, **fields))


def passing(raw: Mapping[str, Any], principals: tuple[str, ...] | None = None) -> list[int]:
    return [
        i
        for i in range(N_ROWS)
        if matches(raw, METADATA[i], DATES) and is_visible(access_of(i), principals)
    ]


def is_visible(access: list[str] | None, principals: tuple[str, ...] | None) -> bool:
    return principals is None or access is None or bool(set(access) & set(principals))


def nearest(query: int, among: list[int]) -> list[str]:
    return [str(i) for i in sorted(among, key=lambda i: -float(UNIT[i] @ UNIT[query]))]


YEARS = st.integers(1988, 2022)
FIELDS = st.one_of(
    st.fixed_dictionaries({"year": st.fixed_dictionaries({"$gte": YEARS, "$lt": YEARS})}),
    st.fixed_dictionaries({"year": st.fixed_dictionaries({"$lte": YEARS})}),
    st.fixed_dictionaries({"year": st.fixed_dictionaries({"$in": st.lists(YEARS, max_size=8)})}),
    st.fixed_dictionaries({"year": st.sampled_from([None, 2003, {"$ne": 2003}, {"$gt": 2010}])}),
    st.fixed_dictionaries(
        {"day": st.fixed_dictionaries({"$gte": st.sampled_from(["2012-02-01", "2019-07-01"])})}
    ),
    st.fixed_dictionaries({"tags": st.sampled_from(["t1", {"$ne": "t2"}, {"$contains": "t5"}])}),
    st.fixed_dictionaries(
        {"name": st.sampled_from(["n7", {"$in": [f"n{i}" for i in range(0, 90, 3)]},
                                  {"$nin": [f"n{i}" for i in range(95)]}, {"$contains": "9"}])}
    ),
    st.fixed_dictionaries({"n": st.sampled_from([3, {"$gte": 8}, {"$exists": False}])}),
)  # fmt: skip
FILTERS = st.recursive(
    FIELDS,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=4,
)
PRINCIPALS = st.sampled_from([None, None, (), ("alice",), ("team2", "nobody")])


def test_random_filters_find_what_brute_force_finds(shelf: Caller) -> None:
    plans: dict[str, int] = {}
    found_places = true_places = 0

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        raw=FILTERS,
        principals=PRINCIPALS,
        query=st.integers(0, N_ROWS - 1),
        limit=st.sampled_from([1, 10, 20]),
    )
    def check(
        raw: dict[str, Any], principals: tuple[str, ...] | None, query: int, limit: int
    ) -> None:
        nonlocal found_places, true_places
        expected = passing(raw, principals)
        result = ask(shelf, vector=VECTORS[query], filter=raw, principals=principals, limit=limit)
        found = [hit.document.external_id for hit in result.hits]
        plans[result.plan] = plans.get(result.plan, 0) + 1
        assert set(found) <= {str(i) for i in expected}
        assert result.complete
        assert len(found) == min(limit, len(expected))
        true = nearest(query, expected)[:limit]
        if result.plan == "exact":
            assert found == true
        found_places += len(set(found) & set(true))
        true_places += len(true)
        words = ask(
            shelf, query="common", mode=Mode.LEXICAL, filter=raw, principals=principals, limit=limit
        )
        hits = {hit.document.external_id for hit in words.hits}
        assert hits <= {str(i) for i in expected}
        assert len(hits) == min(limit, len(expected))

    check()
    assert set(plans) == {"exact", "hnsw"}
    assert found_places / true_places > 0.97


def legs_of(result: SearchResult) -> dict[Leg, LegReport]:
    return {leg.leg: leg for leg in result.legs}


def test_explain_says_how_each_leg_ran(shelf: Caller) -> None:
    few = {"name": "n7"}
    result = ask(shelf, query="common", vector=VECTORS[1], filter=few, explain=True)
    legs = legs_of(result)
    n_passing = len(passing(few))
    assert legs[Leg.DENSE].plan == legs[Leg.LEXICAL].plan == "exact"
    for leg in legs.values():
        assert leg.reason
        # every page is in the sample of so small a table
        assert leg.estimated_rows == n_passing
        assert leg.scanned_rows is not None
        assert leg.scanned_rows >= n_passing
    many = legs_of(ask(shelf, vector=VECTORS[1], filter={"n": {"$ne": 3}}, explain=True))
    assert many[Leg.DENSE].plan == "hnsw"
    assert many[Leg.DENSE].ef_search == get_config().ef_search
    assert 20 <= (many[Leg.DENSE].scanned_rows or 0) < N_ROWS
    # without explain nothing is run twice
    quick = ask(shelf, vector=VECTORS[1], filter=few)
    assert [leg.scanned_rows for leg in quick.legs] == [None]
    # nor is it told how many rows somebody may not see
    bound = ask(shelf, vector=VECTORS[1], principals=("alice",), explain=True)
    assert [leg.scanned_rows for leg in bound.legs] == [None]


@pytest.fixture
def index_names() -> Iterator[set[str]]:
    """The indexes in the plans of statements on index tables, with sequential scans forbidden."""
    seen: set[str] = set()

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if "embeddings" in statement and "sampled" not in statement:
            own = connection.connection.driver_connection.cursor()
            own.execute(f"EXPLAIN (FORMAT JSON, COSTS OFF) {statement}", parameters)
            collect(own.fetchone()[0][0]["Plan"], seen)

    event.listen(db.engine(), "begin", no_sequential_scans)
    event.listen(db.engine(), "before_cursor_execute", explain)
    yield seen
    event.remove(db.engine(), "before_cursor_execute", explain)
    event.remove(db.engine(), "begin", no_sequential_scans)


def no_sequential_scans(connection: Any) -> None:
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


def collect(plan: dict[str, Any], seen: set[str]) -> None:
    if "Index Name" in plan:
        seen.add(plan["Index Name"])
    for child in plan.get("Plans", []):
        collect(child, seen)


@pytest.mark.parametrize(
    ("raw", "principals", "wanted"),
    [
        ({"year": {"$gte": 2018, "$lt": 2019}}, None, {index_suffix("year")}),
        ({"day": {"$lt": "2010-12-31"}}, None, {index_suffix("day")}),
        ({"name": {"$in": [f"n{i}" for i in range(5)]}}, None, {index_suffix("name")}),
        ({"tags": "t6", "n": 3}, None, {"attributes"}),
        (
            {"$or": [{"year": {"$gt": 2018}}, {"name": "n5"}]},
            None,
            {index_suffix("year"), "attributes"},
        ),
        ({}, ("team2",), {"access", "open"}),
    ],
)
def test_a_filter_that_leaves_few_rows_is_found_by_its_index(
    shelf: Caller,
    index_names: set[str],
    raw: dict[str, Any],
    principals: tuple[str, ...] | None,
    wanted: set[str],
) -> None:
    override_config(exact_rows=400)
    expected = passing(raw, principals)
    result = ask(shelf, vector=VECTORS[2], filter=raw, principals=principals)
    assert result.plan == "exact"
    found = [hit.document.external_id for hit in result.hits]
    assert found == nearest(2, expected)[:10]
    for suffix in wanted:
        assert any(name.endswith(f"_{suffix}") for name in index_names), index_names
    assert not any(name.startswith("embeddings_0") for name in index_names)


def test_the_vector_index_is_taken_although_another_index_serves_the_filter(
    shelf: Caller, index_names: set[str]
) -> None:
    result = ask(shelf, vector=VECTORS[2], filter={"year": {"$gte": 2001}})
    assert result.plan == "hnsw"
    assert {name.rpartition("_")[2] for name in index_names} >= {"hnsw"}
    assert not any(name.endswith(index_suffix("year")) for name in index_names)


def index_suffixes() -> set[str]:
    with db.reading() as session:
        names = session.execute(
            text("SELECT indexname FROM pg_indexes WHERE schemaname = 'vectors'")
        ).scalars()
        return {name.partition("_by_")[2] for name in names if "_by_" in name}


def test_declared_later_a_field_gets_its_index_and_undeclared_loses_it(shelf: Caller) -> None:
    before = {index_suffix(name).removeprefix("by_") for name in ("year", "day", "name")}
    assert index_suffixes() == before
    changes = CollectionChanges(filterable={"n": "number", "day": "date"})
    _, run_id = update_collection(shelf, "papers", changes)
    assert run_id is not None
    runs.carry_out(run_id, update_attributes)
    follow_up = [one for one in runs.list_runs(shelf) if one.kind == "grow_space"]
    assert len(follow_up) == 2
    for run in follow_up:
        runs.carry_out(run.id, grow_space)
        assert runs.get_run(shelf, run.id).status == "succeeded"
    after = {index_suffix(name).removeprefix("by_") for name in ("n", "day")}
    assert index_suffixes() == after
    found = ask(shelf, vector=VECTORS[0], filter={"n": {"$gte": 8}}, limit=200)
    assert {int(hit.document.external_id) for hit in found.hits} == set(passing({"n": {"$gte": 8}}))


def test_the_largest_requests_are_answered_in_time(shelf: Caller) -> None:
    override_config(deep_pool=N_ROWS)
    deep: dict[str, Any] = {"n": 3}
    for _ in range(25):
        deep = {"$not": {"$not": deep}}
    values = [f"n{i}" for i in range(90, 90 + get_config().max_filter_values)]
    wanted: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"name": {"$in": values}}, {"name": {"$in": values[:10]}}),
        ({"name": {"$nin": values}}, {"name": {"$nin": values[:10]}}),
        (deep, {"n": 3}),
    ]
    seconds = 0.0
    for raw, short in wanted:
        started = time.perf_counter()
        result = ask(shelf, vector=VECTORS[0], query="common", filter=raw, limit=1_000)
        seconds += time.perf_counter() - started
        assert {int(hit.document.external_id) for hit in result.hits} == set(passing(short))
    assert seconds < 20


def test_each_leg_knows_its_own_indexes(shelf: Caller) -> None:
    few = {"year": {"$gte": 2019}}
    # words of a hundred rows: more than the filter leaves, less than there are
    words = " ".join(f"word{i}" for i in range(10))
    asked = {"query": words, "vector": VECTORS[1], "filter": few}
    override_config(lexical_cap=10)
    assert legs_of(ask(shelf, **asked))[Leg.LEXICAL].plan == "exact"
    with db.autocommit() as connection:
        space_id = connection.execute(
            text("SELECT id FROM spaces WHERE kind = 'sparse'")
        ).scalar_one()
        index = f"sparse_embeddings_{space_id}_{index_suffix('year')}"
        connection.execute(text(f"DROP INDEX vectors.{index}"))
    # Without it every row would have to be looked at.
    assert legs_of(ask(shelf, **asked))[Leg.LEXICAL].plan == "terms"


@pytest.fixture
def node_types() -> Iterator[list[str]]:
    """The nodes in the plans of statements on sparse rows, where Postgres has helpers for all."""
    seen: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if "sparse_embeddings" in statement and "sampled" not in statement:
            own = connection.connection.driver_connection.cursor()
            own.execute(f"EXPLAIN (FORMAT JSON, COSTS OFF) {statement}", parameters)
            seen.extend(node["Node Type"] for node in nodes(own.fetchone()[0][0]["Plan"]))

    event.listen(db.engine(), "begin", helpers_for_all)
    event.listen(db.engine(), "before_cursor_execute", explain)
    yield seen
    event.remove(db.engine(), "before_cursor_execute", explain)
    event.remove(db.engine(), "begin", helpers_for_all)


def helpers_for_all(connection: Any) -> None:
    for setting in (
        "max_parallel_workers_per_gather = 4",
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
        "min_parallel_table_scan_size = 0",
    ):
        connection.exec_driver_sql(f"SET LOCAL {setting}")


def test_rows_of_rare_words_come_first_whatever_helpers_postgres_has(
    shelf: Caller, node_types: list[str]
) -> None:
    many = {"n": {"$ne": 3}}
    asked = {"query": "word3 common", "mode": Mode.LEXICAL, "filter": many, "limit": 20}
    override_config(lexical_cap=30)
    (leg,) = ask(shelf, **asked).legs
    assert leg.plan == "terms"
    assert "Append" in node_types
    assert "Gather" not in node_types
    # the other statements still have them
    node_types.clear()
    ask(shelf, **asked | {"filter": None, "query": "common"})
    assert "Gather" in node_types
