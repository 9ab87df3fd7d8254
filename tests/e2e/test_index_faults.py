"""Kill -9 in the middle of a shelf move and of an index build: a restart heals, nothing doubles."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.e2e.hub import Hub, wait_for

pytestmark = pytest.mark.slow

DIMENSION = 128
N_FIRST, N_MORE = 2_500, 600
N = N_FIRST + N_MORE
AT_ONCE = 500


@pytest.fixture(scope="module")
def vectors() -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((N, 12)) @ rng.standard_normal((12, DIMENSION))
    unit: np.ndarray[Any, np.dtype[np.float32]]
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> Iterator[Hub]:
    """A service whose collection outgrows the shared shelf at 3,000 rows and is indexed slowly."""
    hub = Hub(
        tmp_path_factory.mktemp("shelves"),
        sweep_s=1,
        run_heartbeat_s=2,
        shelf_rows=N_FIRST + N_MORE // 2,
        hnsw_ef_construction=1000,
        index_workers=0,
    )
    hub.up()
    hub.client.call(
        "POST",
        "/v1/collections",
        {"slug": "papers", "encoder": "supplied", "dimension": DIMENSION},
    )
    send(hub, vectors, range(N_FIRST))
    yield hub
    hub.down()


def send(hub: Hub, vectors: np.ndarray[Any, np.dtype[np.float32]], rows: range) -> None:
    for start in range(rows.start, rows.stop, AT_ONCE):
        documents = [
            {
                "external_id": str(n),
                "text": f"row {n}",
                "vector": base64.b64encode(vectors[n].tobytes()).decode(),
            }
            for n in range(start, min(start + AT_ONCE, rows.stop))
        ]
        hub.client.call("POST", "/v1/collections/papers/documents", {"documents": documents})


def select(hub: Hub, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(hub.state.database_url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def space_id(hub: Hub) -> int:
    return int(select(hub, "SELECT id FROM spaces WHERE kind = 'dense'")[0][0])


def last_run(hub: Hub, kind: str) -> dict[str, Any]:
    """Return the newest run of a kind over the vectors; empty if there is none."""
    runs = hub.client.call("GET", "/v1/runs")["items"]
    subject = f"space {space_id(hub)}"
    return next((r for r in runs if (r["kind"], r["subject"]) == (kind, subject)), {})


def has_ended(hub: Hub, kind: str) -> Callable[[], object]:
    return lambda: last_run(hub, kind).get("status") in {"succeeded", "failed", "cancelled"}


def is_building(hub: Hub) -> bool:
    return bool(
        select(
            hub,
            "SELECT FROM pg_stat_progress_create_index p JOIN pg_class c ON c.oid = p.index_relid"
            " WHERE c.relname ~ 'hnsw' AND tuples_done BETWEEN 200 AND 2500",
        )
    )


def check_whole(hub: Hub, vectors: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    """Every row is there once, on its own shelf, found, with one valid index."""
    rows = select(
        hub, "SELECT shelf_id, count(*), count(DISTINCT owner_id) FROM embeddings GROUP BY 1"
    )
    assert rows == [(space_id(hub), N, N)]
    indexes = select(
        hub,
        "SELECT c.relname, x.indisvalid FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid"
        " JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'hnsw' OR NOT x.indisvalid",
    )
    assert indexes == [(f"embeddings_{space_id(hub)}_hnsw", True)]
    for n in (0, N_FIRST, N - 1):
        answer = hub.client.search("papers", {"vector": vectors[n].tolist(), "mode": "dense"})
        assert answer["hits"][0]["document"]["external_id"] == str(n)
        assert answer["complete"]
    done = hub.run("doctor")
    assert done.returncode == 0, done.stdout


def test_a_worker_killed_while_rows_move_moves_them_once(
    grown: Hub, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    hub = grown
    with psycopg.connect(hub.state.database_url, application_name="slow report") as holder:
        # The move comes to this row after others, and waits in the middle of its statement.
        holder.execute(
            "SELECT FROM embeddings WHERE shelf_id = 0 AND owner_id ="
            " (SELECT owner_id FROM embeddings WHERE shelf_id = 0 ORDER BY owner_id OFFSET 1500"
            " LIMIT 1) FOR UPDATE"
        )
        send(hub, vectors, range(N_FIRST, N))
        wait_for(lambda: "slow report" in (last_run(hub, "grow_space").get("waiting_for") or ""))
        assert last_run(hub, "grow_space")["phase"] == "moving rows to a table of their own"
        killed = hub.kill("upkeep")
        wait_for(lambda: hub.state.children.get("upkeep") not in (None, killed))
    wait_for(has_ended(hub, "grow_space"), 120)
    run = last_run(hub, "grow_space")
    assert (run["status"], run["result"]["rows_moved"]) == ("succeeded", N), run["error"]
    check_whole(hub, vectors)


@pytest.mark.parametrize("process", ["upkeep", "postgres"])
def test_whatever_is_killed_while_an_index_is_built_it_is_built_in_the_end(
    grown: Hub, vectors: np.ndarray[Any, np.dtype[np.float32]], process: str
) -> None:
    hub = grown
    wait_for(has_ended(hub, "grow_space"), 120)
    precision = "vector" if process == "upkeep" else "halfvec"
    asked = hub.client.call("POST", "/v1/collections/papers/index", {"precision": precision})
    assert asked["forecast"]["rows"] == N
    wait_for(lambda: is_building(hub))
    killed = hub.kill(process)
    wait_for(lambda: hub.state.children.get(process) not in (None, killed))
    wait_for(has_ended(hub, "rebuild_index"), 120)
    run = last_run(hub, "rebuild_index")
    assert (run["id"], run["status"]) == (asked["run_id"], "succeeded"), run["error"]
    index = hub.client.call("GET", "/v1/collections/papers/index")
    assert (index["precision"], index["is_valid"], index["run_id"]) == (precision, True, None)
    check_whole(hub, vectors)
