"""Kill -9 in the middle of a bulk load: it goes on at its next line, and nothing is doubled."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import numpy as np
import orjson
import psycopg
import pytest

from tests.e2e.hub import Hub, wait_for

pytestmark = pytest.mark.slow

DIMENSION = 32
N = 7_000
# Committed in batches of 2,000 lines: this one is in the third.
HELD = 5_000
VECTORS = np.random.default_rng(3).standard_normal((N, DIMENSION)).astype(np.float32)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A service of two web processes, whose collections outgrow the shared shelf early."""
    hub = Hub(
        tmp_path_factory.mktemp("imports"),
        sweep_s=1,
        run_heartbeat_s=3,
        shelf_rows=1_500,
        web_processes=2,
    )
    hub.up()
    yield hub
    hub.down()


def line(n: int) -> bytes:
    vector = base64.b64encode(VECTORS[n].tobytes()).decode()
    return orjson.dumps({"external_id": str(n), "text": f"row {n}", "vector": vector}) + b"\n"


def send(hub: Hub, slug: str, import_id: int, from_line: int) -> httpx.Response:
    """Send the lines from one on, once: whoever is killed meanwhile answers with an error."""
    server = hub.client.server
    return httpx.post(
        f"{server.url}/v1/collections/{slug}/documents/import",
        params={"import_id": import_id, "from_line": from_line},
        content=b"".join(line(n) for n in range(from_line - 1, N)),
        headers={"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"},
        timeout=120,
    )


def check_whole(hub: Hub, slug: str, import_id: int) -> None:
    """Every line is stored once, each vector is found, and the index is built and valid."""
    place = f"/v1/collections/{slug}"
    state = hub.client.call("GET", f"{place}/imports/{import_id}")
    assert (state["status"], state["n_lines"], state["n_errors"]) == ("finished", N, 0)
    assert state["counts"] == {"created": N, "updated": 0, "unchanged": 0, "stale": 0}
    status = hub.status(slug)
    assert (status["n_documents"], status["n_chunks"], status["n_embedded"]) == (N, N, N)
    wait_for(lambda: hub.client.call("GET", f"{place}/index")["is_valid"], 120)
    for n in (0, HELD, N - 1):
        answer = hub.client.search(slug, {"vector": VECTORS[n].tolist(), "mode": "dense"})
        assert [hit["document"]["external_id"] for hit in answer["hits"]].count(str(n)) == 1
        assert answer["hits"][0]["document"]["external_id"] == str(n)
    done = hub.run("doctor")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("process", ["web", "upkeep", "postgres"])
def test_whatever_is_killed_in_a_bulk_load_no_line_is_lost_or_doubled(
    loaded: Hub, process: str
) -> None:
    hub, slug = loaded, f"from-{process}"
    place = f"/v1/collections/{slug}"
    hub.client.call(
        "POST", "/v1/collections", {"slug": slug, "encoder": "supplied", "dimension": DIMENSION}
    )
    import_id = hub.client.call("POST", f"{place}/imports")["id"]

    def n_lines() -> int:
        return int(hub.client.call("GET", f"{place}/imports/{import_id}")["n_lines"])

    with ThreadPoolExecutor(1) as sender:
        with closing(psycopg.connect(hub.state.database_url)) as holder:
            # The third batch waits in the middle of its COPY for who is storing one of its ids.
            holder.execute(
                "INSERT INTO documents (workspace_id, collection_id, external_id, content_hash,"
                " version, live_version, generation, live_generation)"
                " SELECT workspace_id, id, %s, '', 1, 1, 1, 1 FROM collections WHERE slug = %s",
                (str(HELD), slug),
            )
            sent = sender.submit(send, hub, slug, import_id, 1)
            wait_for(lambda: n_lines() == 4_000)
            wait_for(lambda: is_held(hub))
            killed = hub.kill(process)
            wait_for(lambda: hub.state.children.get(process) not in (None, killed))
        try:
            is_broken = not sent.result().is_success
        except httpx.TransportError:
            is_broken = True
    assert is_broken == (process != "upkeep")
    if is_broken:
        assert n_lines() == 4_000
        assert send(hub, slug, import_id, 4_001).is_success
    check_whole(hub, slug, import_id)


def is_held(hub: Hub) -> bool:
    with psycopg.connect(hub.state.database_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT FROM pg_stat_activity WHERE query LIKE 'COPY documents %'"
            " AND wait_event_type = 'Lock'"
        )
        return found.fetchone() is not None
