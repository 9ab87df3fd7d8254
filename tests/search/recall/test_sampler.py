"""Indexes are checked against exact search: what it says, what it costs, whom it leaves alone."""

import threading
import time
from typing import Any

import numpy as np
import pytest
from celery import signals
from numpy.typing import NDArray
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.advice import AdviceCode
from embedhub.collections.details import describe_collection
from embedhub.collections.service import delete_collection
from embedhub.config import override_config
from embedhub.search import legs
from embedhub.search.observed import observer
from embedhub.search.queries import dense
from embedhub.search.recall import report, sampler
from embedhub.search.recall.measures import FilterClass
from embedhub.search.recall.sampler import sample_recall
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from tests.factories import make_collection, send
from tests.search.recall.conftest import DIMENSION, N_ROWS, degrade, grow, samples, space_ids
from workers import upkeep

pytestmark = pytest.mark.usefixtures("sent_jobs")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "MAX_PAUSE_S", 0.0)


def test_a_healthy_index_finds_nearly_all_and_every_class_is_checked(indexed: Caller) -> None:
    assert sample_recall() > 30
    found = {row.filter_class: row for row in samples() if row.n_queries}
    assert set(found) == {one.value for one in FilterClass}
    for row in found.values():
        assert row.recall > 0.9, row
        assert row.lowest <= row.recall
        assert sum(row.plans.values()) == row.n_queries
        assert row.rows_compared == row.n_queries * N_ROWS
    assert found["none"].plans == {"hnsw": found["none"].n_queries}
    # Few rows are compared one by one.
    assert set(found["0.1%"].plans) == {"exact"}
    figures = describe_collection(indexed, "papers").recall
    assert [one.filter_class for one in figures] == [one.value for one in FilterClass]
    assert describe_collection(indexed, "papers").advice == []


def test_a_degraded_index_shows_in_the_table_the_figures_and_the_advice(indexed: Caller) -> None:
    degrade()
    for _ in range(3):
        sample_recall()
    rows = [row for row in samples() if row.filter_class == "none" and row.n_queries]
    assert rows
    assert all(row.recall < 0.9 for row in rows)
    details = describe_collection(indexed, "papers")
    figure = details.recall[0]
    assert figure.filter_class == "none"
    assert figure.n_queries == sum(row.n_queries for row in rows)
    weighted = sum(row.recall * row.n_queries for row in rows) / figure.n_queries
    assert figure.recall == pytest.approx(weighted)
    assert figure.lowest == min(row.lowest for row in rows)
    low = [advice for advice in details.advice if advice.code is AdviceCode.LOW_RECALL]
    assert low
    assert low[0].message.startswith(
        f"In {figure.n_queries} checked searches without a filter the index found"
        f" {report.percents(figure.recall)} of the true ten nearest"
    )
    assert low[0].since == figure.since
    override_config(recall_warning=0.0)
    assert describe_collection(indexed, "papers").advice == []


def test_a_bound_key_is_told_nothing_of_what_it_may_not_see(indexed: Caller) -> None:
    degrade()
    sample_recall()
    bound = describe_collection(indexed.narrowed(["alice"]), "papers")
    assert bound.recall == []
    assert bound.advice == []


def test_the_list_of_an_answer_is_what_is_checked(
    indexed: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a copy of the SQL: a leg that loses rows shows at once."""

    def losing(*args: Any, **kwargs: Any) -> legs.LegResult:
        result = whole(*args, **kwargs)
        return legs.LegResult(result.candidates[15:], result.report, result.notes)

    whole = legs.dense_leg
    monkeypatch.setattr(sampler, "dense_leg", losing)
    sample_recall()
    checked = [row for row in samples() if row.filter_class == "none"]
    assert checked
    assert all(row.recall < 0.2 for row in checked)


def test_what_callers_asked_is_checked_as_they_asked_it(
    indexed: Caller, vectors: NDArray[np.float32]
) -> None:
    for year in (100, 700):
        search(
            indexed,
            "papers",
            SearchRequest(vector=vectors[3] + 0.1, mode=Mode.DENSE, filter={"year": {"$lt": year}}),
        )
        search(indexed, "papers", SearchRequest(vector=vectors[5] + 0.1, mode=Mode.DENSE))
        search(
            indexed,
            "papers",
            SearchRequest(vector=vectors[9], mode=Mode.DENSE, principals=("nobody",)),
        )
        observer.flush()
    with db.reading() as session:
        kept = session.execute(text("SELECT filter, principals FROM sampled_queries")).all()
    # One of each flush, by chance.
    assert len(kept) == 2
    with db.writing() as session:
        session.execute(
            text(
                "DELETE FROM sampled_queries WHERE ctid <> ALL(ARRAY(SELECT ctid"
                " FROM sampled_queries LIMIT 1))"
            )
        )
        session.execute(
            text("""UPDATE sampled_queries SET filter = '{"year": {"$lt": 120}}', principals ="""
                 " ARRAY['nobody']")
        )  # fmt: skip
    sample_recall()
    asked = [row for row in samples() if row.n_asked]
    # 60 of 800 rows are below 120 and open to everybody.
    assert {row.filter_class for row in asked} == {"10%"}
    assert all(row.recall == 1 for row in asked)
    assert all("exact" in row.plans for row in asked)


def test_no_more_vectors_of_callers_are_kept_than_wanted(
    indexed: Caller, vectors: NDArray[np.float32]
) -> None:
    override_config(recall_asked=3)
    for i in range(6):
        search(indexed, "papers", SearchRequest(vector=vectors[i], mode=Mode.DENSE))
        observer.flush()
    with db.reading() as session:
        kept = session.execute(text("SELECT vector FROM sampled_queries ORDER BY id")).all()
    assert len(kept) == 3
    override_config(recall_asked=0)
    search(indexed, "papers", SearchRequest(vector=vectors[0], mode=Mode.DENSE))
    observer.flush()
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM sampled_queries")).scalar() == 3


def test_a_tick_compares_no_more_than_its_budget(
    indexed: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    exact = dense.dense_exact

    def counted(*args: Any, **kwargs: Any) -> Any:
        compared.append(N_ROWS)
        return exact(*args, **kwargs)

    monkeypatch.setattr("embedhub.search.recall.sampler.dense.dense_exact", counted)
    override_config(recall_rows=5 * N_ROWS)
    n_checked = sample_recall()
    assert n_checked == 5
    assert sum(compared) <= 5 * N_ROWS
    # The next tick goes on where this one ended, until every class was checked.
    for _ in range(12):
        sample_recall()
    assert {row.filter_class for row in samples() if row.n_queries} == set(FilterClass)


def test_a_space_with_more_rows_than_a_tick_may_compare_is_left_alone(indexed: Caller) -> None:
    override_config(recall_rows=N_ROWS - 1)
    assert sample_recall() == 0
    assert describe_collection(indexed, "papers").recall == []


def test_a_tick_ends_within_its_seconds(indexed: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(session: Any, **_: Any) -> Any:
        session.execute(text("SELECT pg_sleep(60)"))

    monkeypatch.setattr(sampler, "dense_leg", slow)
    override_config(recall_seconds=0.5)
    started = time.monotonic()
    assert sample_recall() == 0
    assert time.monotonic() - started < 5
    # What could not be checked goes to the end of the queue.
    assert [row.n_queries for row in samples()] == [0]


def test_a_tick_ends_after_the_search_at_hand_when_asked_to(
    indexed: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    n_begun = []
    whole = legs.dense_leg

    def stopping(*args: Any, **kwargs: Any) -> Any:
        n_begun.append(1)
        if len(n_begun) == 3:
            stop.set()
        return whole(*args, **kwargs)

    monkeypatch.setattr(sampler, "dense_leg", stopping)
    assert sample_recall(stop.is_set) == 3
    assert len(n_begun) == 3
    [row] = samples()
    assert row.n_queries == 3


def test_a_worker_that_shuts_down_begins_no_comparison(
    indexed: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_stopping", threading.Event())
    upkeep.check_recall()
    n_before = len(samples())
    assert n_before
    signals.worker_shutting_down.send(None)
    upkeep.check_recall()
    assert len(samples()) == n_before


def test_no_snapshot_is_held_from_one_search_to_the_next(
    indexed: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two comparisons nothing is open that would keep vacuum from removing dead rows."""
    open_transactions = []

    def look(_: float) -> None:
        with db.writing() as session:
            statement = text(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL"
                " AND pid <> pg_backend_pid() AND datname = current_database()"
                " AND backend_type = 'client backend'"
            )
            open_transactions.append(session.execute(statement).scalar())

    monkeypatch.setattr("embedhub.search.recall.sampler.time.sleep", look)
    sample_recall()
    assert len(open_transactions) > 10
    assert set(open_transactions) == {0}


def test_small_collections_are_left_alone(caller: Caller, settings: None) -> None:
    make_collection(caller, encoder="supplied", dimension=4)
    send(caller, {"external_id": "1", "text": "t", "vector": [1, 2, 3, 4]})
    assert sample_recall() == 0
    assert samples() == []


def test_a_collection_removed_meanwhile_leaves_nothing(
    indexed: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sampler._store

    def remove_first(*args: Any) -> None:
        with db.writing() as session:
            session.execute(text("DELETE FROM collections"))
        store(*args)

    monkeypatch.setattr(sampler, "_store", remove_first)
    sample_recall()
    assert samples() == []
    monkeypatch.undo()
    assert sample_recall() == 0


def test_a_collection_being_removed_is_not_checked(indexed: Caller) -> None:
    delete_collection(indexed, "papers")
    assert sample_recall() == 0


def test_one_broken_index_does_not_keep_the_others_from_being_checked(
    indexed: Caller, vectors: NDArray[np.float32]
) -> None:
    [space_id, _] = space_ids()
    make_collection(indexed, "broken", encoder="supplied", dimension=DIMENSION)
    send(
        indexed,
        *({"external_id": str(i), "text": "t", "vector": vectors[i].tolist()} for i in range(200)),
        slug="broken",
    )
    grow(indexed, "broken")
    [broken_id, _] = space_ids("broken")
    with db.writing() as session:
        # Statements over this space fail: its vectors are not of the dimension it claims.
        session.execute(text("UPDATE spaces SET dimension = 5 WHERE id = :id"), {"id": broken_id})
        session.execute(
            text("INSERT INTO sampled_queries (workspace_id, space_id, vector) SELECT workspace_id,"
                 " id, '[1,2,3,4,5]' FROM spaces WHERE id = :id"),
            {"id": broken_id},
        )  # fmt: skip
    sample_recall()
    assert {row.filter_class for row in samples() if row.space_id == space_id} == set(FilterClass)


def test_old_checks_and_vectors_are_forgotten(
    indexed: Caller, vectors: NDArray[np.float32]
) -> None:
    search(indexed, "papers", SearchRequest(vector=vectors[0], mode=Mode.DENSE))
    observer.flush()
    sample_recall()
    before = len(samples())
    with db.writing() as session:
        session.execute(
            text("UPDATE recall_samples SET measured_at = now() - interval '8 days'"
                 " WHERE filter_class = 'none'")
        )  # fmt: skip
        session.execute(text("UPDATE sampled_queries SET asked_at = now() - interval '31 days'"))
    assert report.forget_old() == 2
    assert len(samples()) == before - 1
    assert {row.filter_class for row in samples()} == set(FilterClass) - {"none"}


def test_the_latest_checks_make_the_figure(indexed: Caller) -> None:
    [space_id, _] = space_ids()
    with db.writing() as session:
        for age, n_queries, recall in ((1, 60, 1.0), (2, 60, 0.9), (3, 60, 0.8), (4, 60, 0.1)):
            session.execute(
                text("INSERT INTO recall_samples (workspace_id, space_id, filter_class, n_queries,"
                     " recall, lowest, plans, took_ms, measured_at) VALUES (:workspace, :space,"
                     " 'none', :n, :recall, :recall, '{\"hnsw\": 60}', 1,"
                     " now() - make_interval(hours => :age))"),
                {"workspace": indexed.workspace_id, "space": space_id, "n": n_queries,
                 "recall": recall, "age": age},
            )  # fmt: skip
    override_config(recall_queries=150)
    try:
        [figure] = describe_collection(indexed, "papers").recall
    finally:
        override_config(recall_queries=200)
    assert (figure.n_queries, figure.plans) == (180, {"hnsw": 180})
    assert figure.recall == pytest.approx(0.9)
    assert figure.lowest == pytest.approx(0.8)
