"""Rebuilding, another precision, waiting, giving up, a full disk: searches answer all the while."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.advice import AdviceCode
from embedhub.config import override_config
from embedhub.documents.service import delete_documents
from embedhub.errors import Conflict, Forbidden, InvalidInput, StorageFull
from embedhub.runs import progress as progress_module
from embedhub.runs import service as runs
from embedhub.search import dense
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from embedhub.spaces import building, watching
from embedhub.spaces.index_life import ask_for_rebuild, describe_index
from embedhub.spaces.index_upkeep import remove_left_overs
from embedhub.spaces.indexes import grow_space, rebuild_index
from embedhub.spaces.prewarm import prewarm_indexes
from tests.factories import SilentProgress, make_collection, send

DIMENSION = 64
N_ROWS = 1_500
N_CLUSTERS = 30
SLUG = "papers"


@pytest.fixture(autouse=True)
def quick_and_indexed(monkeypatch: pytest.MonkeyPatch, database: str) -> Iterator[None]:
    """A few hundred rows count as many, and whoever watches looks often."""
    monkeypatch.setattr(watching, "WATCH_S", 0.05)
    monkeypatch.setattr(progress_module, "REPORTED_EVERY_S", 0.0)
    monkeypatch.setattr(building, "DROP_PATIENCE_MS", 200)
    # So few rows are compared one by one for less than a scan of the index costs.
    monkeypatch.setattr(dense, "exact_cost", lambda _: 1e9)
    override_config(exact_rows=20)
    yield
    override_config(exact_rows=10_000, database_disk_bytes=0, index_wait_s=3600)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Clustered vectors of low intrinsic dimension, of length one."""
    rng = np.random.default_rng(7)
    plane = rng.standard_normal((16, DIMENSION))
    centres = rng.standard_normal((N_CLUSTERS, 16))
    rows = centres[rng.integers(N_CLUSTERS, size=N_ROWS)] + 0.6 * rng.standard_normal((N_ROWS, 16))
    spread = rows @ plane
    unit: np.ndarray[Any, np.dtype[np.float32]]
    unit = (spread / np.linalg.norm(spread, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture
def shelf(caller: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]) -> int:
    """A collection with an index of its own; return its space."""
    make_collection(caller, dimension=DIMENSION)
    for start in range(0, N_ROWS, 500):
        send(
            caller,
            *(
                {"external_id": str(i), "text": f"row {i}", "vector": vectors[i].tolist()}
                for i in range(start, min(start + 500, N_ROWS))
            ),
        )
    with db.reading() as session:
        space_id = session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalar_one()
    grow_space(SilentProgress(), {"space_id": space_id})
    return int(space_id)


def indexes() -> dict[str, bool]:
    """Return the HNSW indexes there are, whatever their names, and whether they are valid."""
    with db.reading() as session:
        rows = session.execute(
            text(
                "SELECT c.relname, x.indisvalid FROM pg_index x"
                " JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam"
                " WHERE a.amname = 'hnsw' ORDER BY 1"
            )
        )
        return {row[0]: row[1] for row in rows}


def precision_of(space_id: int) -> str:
    with db.reading() as session:
        return str(
            session.execute(
                text("SELECT precision FROM spaces WHERE id = :id"), {"id": space_id}
            ).scalar_one()
        )


def ask(caller: Caller, vector: np.ndarray[Any, Any], limit: int = 10) -> list[str]:
    """Return the ids of the nearest as the index has them."""
    request = SearchRequest(vector=vector, mode=Mode.DENSE, limit=limit)
    found = search(caller, SLUG, request)
    assert len(found.hits) == limit
    assert [leg.plan for leg in found.legs] == [dense.DensePlan.HNSW]
    return [hit.document.external_id for hit in found.hits]


def recall(caller: Caller, vectors: np.ndarray[Any, Any], n_queries: int = 40) -> float:
    hits = 0
    for query in vectors[:n_queries]:
        true = np.argsort(-(vectors @ query))[:10]
        hits += len(set(ask(caller, query)) & {str(i) for i in true})
    return hits / (10 * n_queries)


def start(caller: Caller, precision: str | None = None) -> int:
    return ask_for_rebuild(caller, SLUG, precision=precision)[0]


def carry_out(run_id: int) -> None:
    runs.carry_out(run_id, rebuild_index)


@contextmanager
def long_reader(
    url: str, *, reads: str = "SELECT 'a secret question'"
) -> Iterator[psycopg.Connection]:
    """Somebody's transaction that holds a snapshot, from before an index is built."""
    with psycopg.connect(url, application_name="reporting") as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(reads)
        yield connection


def wait_for(condition: Any, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("precision", "least"), [("vector", 0.99), ("bit", 0.95), ("halfvec", 0.99)]
)
def test_another_precision_answers_as_well_and_nothing_is_left_behind(
    caller: Caller,
    shelf: int,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    precision: str,
    least: float,
) -> None:
    run_id = start(caller, precision)
    carry_out(run_id)
    run = runs.get_run(caller, run_id)
    assert (run.status, run.progress) == ("succeeded", 1.0)
    assert precision_of(shelf) == precision
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}
    index = describe_index(caller, SLUG)
    assert (index.plan, index.precision, index.is_valid) == ("hnsw", precision, True)
    wanted = "binary_quantize" if precision == "bit" else f"{precision}_cosine_ops"
    assert wanted in str(index.definition)
    assert recall(caller, vectors) >= least


def test_bits_are_smaller_and_their_candidates_are_compared_in_full(
    caller: Caller, shelf: int, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    before = describe_index(caller, SLUG)
    foreseen = describe_index(caller, SLUG, precision="bit").forecast
    carry_out(start(caller, "bit"))
    after = describe_index(caller, SLUG)
    assert after.index_bytes < before.index_bytes
    assert after.index_bytes == pytest.approx(foreseen.index_bytes, rel=0.2)
    found = search(caller, SLUG, SearchRequest(vector=vectors[3], mode=Mode.DENSE))
    scores = [hit.score for hit in found.hits]
    # The cosine itself, not a distance of bits.
    assert scores[0] == pytest.approx(1.0, abs=1e-3)
    assert scores == sorted(scores, reverse=True)
    assert len({round(score, 4) for score in scores}) > 5


def test_searches_answer_all_the_while(
    caller: Caller, shelf: int, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    done = threading.Event()
    answered: list[int] = []

    def keep_asking() -> None:
        place = 0
        while not done.is_set():
            assert ask(caller, vectors[place % N_ROWS])[0] == str(place % N_ROWS)
            place += 7
        answered.append(place)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(keep_asking) for _ in range(2)]
        for precision in ("bit", "vector", "halfvec", None):
            carry_out(start(caller, precision))
        done.set()
        for each in asking:
            each.result(30)
    assert min(answered) > 0
    assert precision_of(shelf) == "halfvec"


def test_a_long_reader_is_named_and_the_build_goes_on_when_it_ends(
    caller: Caller, shelf: int, database: str, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with long_reader(database):
            run_id = start(caller, "vector")
            building_it = pool.submit(carry_out, run_id)
            wait_for(lambda: "reporting" in (runs.get_run(caller, run_id).waiting_for or ""))
            run = runs.get_run(caller, run_id)
            # The old index answers.
            assert precision_of(shelf) == "halfvec"
            assert ask(caller, vectors[5])[0] == "5"
            assert not building_it.done()
        building_it.result(60)
    assert run.phase is not None
    assert "waiting for transactions older than the index" in run.phase
    assert "a transaction of 'reporting', open for" in str(run.waiting_for)
    assert "idle in transaction" in str(run.waiting_for)
    assert "secret" not in str(run)
    assert run.eta_s is None
    assert 0.4 < (run.progress or 0) < 1
    ended = runs.get_run(caller, run_id)
    assert (ended.status, ended.waiting_for) == ("succeeded", None)
    assert precision_of(shelf) == "vector"
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}


def test_a_build_that_waits_is_cancelled_and_leaves_nothing(
    caller: Caller, shelf: int, database: str, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    with ThreadPoolExecutor(1) as pool, long_reader(database):
        run_id = start(caller, "vector")
        building_it = pool.submit(carry_out, run_id)
        wait_for(lambda: runs.get_run(caller, run_id).waiting_for)
        runs.cancel_run(caller, run_id)
        building_it.result(60)
        assert runs.get_run(caller, run_id).status == "cancelled"
        assert indexes() == {f"embeddings_{shelf}_hnsw": True}
    assert precision_of(shelf) == "halfvec"
    assert ask(caller, vectors[5])[0] == "5"


def test_what_cannot_be_dropped_at_once_is_dropped_by_upkeep(
    caller: Caller, shelf: int, database: str
) -> None:
    """A reader of this very table keeps even an index that was never used."""
    with ThreadPoolExecutor(1) as pool:
        reads = f"SELECT count(*) FROM vectors.embeddings_{shelf}"
        with long_reader(database, reads=reads):
            run_id = start(caller, "vector")
            building_it = pool.submit(carry_out, run_id)
            wait_for(lambda: runs.get_run(caller, run_id).waiting_for)
            runs.cancel_run(caller, run_id)
            building_it.result(60)
            assert runs.get_run(caller, run_id).status == "cancelled"
            assert indexes() == {
                f"embeddings_{shelf}_hnsw": True,
                f"embeddings_{shelf}_hnsw_next": False,
            }
            assert remove_left_overs() == 0
    assert remove_left_overs() == 1
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}


def test_nobody_waits_for_ever(caller: Caller, shelf: int, database: str) -> None:
    override_config(index_wait_s=0.3)
    with long_reader(database):
        run_id = start(caller, "vector")
        carry_out(run_id)
    run = runs.get_run(caller, run_id)
    assert run.status == "failed"
    assert "gave up after waiting" in str(run.error)
    assert "'reporting'" in str(run.error)
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}


@pytest.mark.parametrize("step", ["create_index", "analyze", "rename_index"])
def test_a_rebuild_killed_anywhere_is_repeated_to_the_end(
    caller: Caller,
    shelf: int,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"embedhub.spaces.queries.shelf_ddl.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            rebuild_index(SilentProgress(), {"space_id": shelf, "precision": "bit"})
    assert precision_of(shelf) == "halfvec"
    assert ask(caller, vectors[5])[0] == "5"
    rebuild_index(SilentProgress(), {"space_id": shelf, "precision": "bit"})
    assert precision_of(shelf) == "bit"
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}


def test_an_old_index_that_was_not_dropped_is_removed_by_upkeep(
    caller: Caller, shelf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedhub.spaces.indexes.remove_left_over", lambda _: False)
    rebuild_index(SilentProgress(), {"space_id": shelf, "precision": "bit"})
    assert set(indexes()) == {f"embeddings_{shelf}_hnsw", f"embeddings_{shelf}_hnsw_old"}
    assert remove_left_overs() == 1
    assert remove_left_overs() == 0
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}


def test_upkeep_leaves_alone_what_a_run_is_at_work_on(caller: Caller, shelf: int) -> None:
    with db.autocommit() as connection:
        connection.execute(
            text(
                f"ALTER INDEX vectors.embeddings_{shelf}_hnsw RENAME TO embeddings_{shelf}_hnsw_old"
            )
        )
    run_id = start(caller)
    assert remove_left_overs() == 0
    runs.cancel_run(caller, run_id)
    assert remove_left_overs() == 1


def test_a_full_disk_is_told_before_anything_begins(caller: Caller, shelf: int) -> None:
    override_config(database_disk_bytes=1)
    with pytest.raises(StorageFull, match="not enough disk: the index of 1,500 rows needs about"):
        start(caller)
    assert runs.list_runs(caller) == []
    assert describe_index(caller, SLUG).forecast.has_room is False
    override_config(database_disk_bytes=0)
    # What had room when it was asked for may have none when it begins.
    run_id = start(caller)
    override_config(database_disk_bytes=1)
    carry_out(run_id)
    run = runs.get_run(caller, run_id)
    assert run.status == "failed"
    assert "not enough disk" in str(run.error)
    assert run.forecast is not None
    assert run.forecast["has_room"] is False
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}


def test_a_disk_that_fills_while_building_leaves_nothing(
    caller: Caller, shelf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(psycopg.errors.DiskFull):
        sqlstate = "53100"

    def fills(connection: Any, *, table: str, index: str, definition: str) -> None:
        from sqlalchemy.exc import OperationalError

        connection.execute(text(f"CREATE INDEX {index} ON vectors.{table} USING {definition}"))
        raise OperationalError("CREATE INDEX", {}, Full("could not extend file: No space left"))

    monkeypatch.setattr("embedhub.spaces.queries.shelf_ddl.create_index", fills)
    run_id = start(caller)
    carry_out(run_id)
    run = runs.get_run(caller, run_id)
    assert (run.status, run.error) == (
        "failed",
        "Postgres ran out of disk while building the vector index; nothing of it was kept",
    )
    assert indexes() == {f"embeddings_{shelf}_hnsw": True}


def test_one_run_at_a_time_works_on_an_index(caller: Caller, shelf: int) -> None:
    run_id = start(caller)
    assert describe_index(caller, SLUG).run_id == run_id
    with pytest.raises(Conflict, match=f"run {run_id} is at work"):
        start(caller, "bit")


def test_what_a_space_cannot_have_is_refused(caller: Caller, shelf: int) -> None:
    with pytest.raises(InvalidInput, match="precision: must be one of"):
        start(caller, "float8")
    make_collection(caller, "plain", dimension=DIMENSION, metric="l2")
    with pytest.raises(InvalidInput, match=r"precision: 'halfvec' holds no value beyond 65,504"):
        ask_for_rebuild(caller, "plain", precision="halfvec")
    make_collection(caller, "wide", dimension=3_000)
    with pytest.raises(InvalidInput, match="precision: 'vector' takes at most 2,000"):
        describe_index(caller, "wide", precision="vector")
    with pytest.raises(Forbidden):
        describe_index(caller.narrowed(["nobody"]), SLUG)


def test_a_small_collection_takes_its_precision_along_when_it_grows(caller: Caller) -> None:
    make_collection(caller, dimension=4)
    send(caller, {"external_id": "1", "text": "one", "vector": [1, 0, 0, 0]})
    index = describe_index(caller, SLUG)
    assert (index.shelf, index.plan, index.rows, index.is_valid) == ("shared", "exact", 1, None)
    run_id = start(caller, "bit")
    carry_out(run_id)
    assert runs.get_run(caller, run_id).result == {
        "precision": "bit", "rows": 1, "is_exact": True,
    }  # fmt: skip
    with db.reading() as session:
        space_id = session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalar_one()
    grow_space(SilentProgress(), {"space_id": space_id})
    assert "binary_quantize" in str(describe_index(caller, SLUG).definition)


def test_after_many_deletions_a_rebuild_is_advised_and_cleans_up(
    caller: Caller, shelf: int, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    # Who stored the rows tells of them only now, after they were counted when the shelf was made.
    db.engine().dispose()
    with db.autocommit() as connection:
        connection.execute(
            text(f"ALTER TABLE vectors.embeddings_{shelf} SET (autovacuum_enabled = off)")
        )
        connection.execute(text(f"ANALYZE vectors.embeddings_{shelf}"))
    assert describe_index(caller, SLUG).advice == []
    gone = [str(i) for i in range(400, 800)]
    delete_documents(caller, SLUG, external_ids=gone)

    def is_advised() -> bool:
        # A connection tells of its dead rows when it is idle for long, or closed.
        db.engine().dispose()
        return bool(describe_index(caller, SLUG).advice)

    wait_for(is_advised)
    index = describe_index(caller, SLUG)
    assert index.dead_rows >= 400
    assert index.dead_share > 0.2
    assert [advice.code for advice in index.advice] == [AdviceCode.REBUILD_INDEX]
    assert "deleted or changed rows" in index.advice[0].message
    carry_out(start(caller))
    wait_for(lambda: not is_advised())
    assert describe_index(caller, SLUG).dead_rows == 0
    left = np.array([i for i in range(N_ROWS) if not 400 <= i < 800])
    hits = 0
    for query in vectors[:30]:
        true = left[np.argsort(-(vectors[left] @ query))[:10]]
        hits += len(set(ask(caller, query)) & {str(i) for i in true})
    assert hits / 300 >= 0.99


def test_a_build_learns_and_tells_what_it_took(
    caller: Caller, shelf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedhub.spaces.indexes.LEARNABLE_ROWS", 1_000)
    before = describe_index(caller, SLUG).forecast
    run_id = start(caller)
    carry_out(run_id)
    run = runs.get_run(caller, run_id)
    assert run.forecast is not None
    assert run.forecast["rows"] == run.result["rows"] == N_ROWS
    assert run.result["fit_in_memory"] is True
    assert run.result["seconds"] > 0
    after = describe_index(caller, SLUG).forecast
    assert after.seconds == pytest.approx(before.seconds * run.result["pace"], rel=0.5, abs=0.2)


def test_autovacuum_leaves_the_graph_to_rebuilds(caller: Caller, shelf: int) -> None:
    with db.reading() as session:
        options = session.execute(
            text("SELECT reloptions FROM pg_class WHERE relname = :name"),
            {"name": f"embeddings_{shelf}"},
        ).scalar_one()
    assert "autovacuum_vacuum_scale_factor=0.8" in options


def test_indexes_are_read_in_after_a_start(caller: Caller, shelf: int) -> None:
    with db.autocommit() as connection:
        connection.execute(text("SELECT pg_stat_reset()"))
    assert prewarm_indexes() == [f"embeddings_{shelf}_hnsw"]

    def blocks() -> int:
        with db.reading() as session:
            return int(
                session.execute(
                    text(
                        "SELECT idx_blks_read + idx_blks_hit FROM pg_statio_user_tables"
                        " WHERE relname = :name"
                    ),
                    {"name": f"embeddings_{shelf}"},
                ).scalar_one()
            )

    wait_for(lambda: blocks() > 1_000)
