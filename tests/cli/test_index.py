"""`embedhub index` and `embedhub status` say in words how an index stands and what a run does."""

from typing import Any

import pytest
from click.testing import CliRunner

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.cli import index
from embedhub.cli.operation import show_workspace
from embedhub.runs import service as runs
from embedhub.runs.kinds import RunKind
from embedhub.runs.progress import RunProgress
from tests.factories import make_collection

FORECAST = {
    "rows": 110_000,
    "seconds": 41.2,
    "memory_needed_bytes": 163_000_000,
    "memory_given_bytes": 187_000_000,
    "fits_in_memory": True,
    "workers": 1,
    "index_bytes": 128_000_000,
    "disk_needed_bytes": 256_000_000,
    "disk_free_bytes": 2**40,
    "has_room": True,
}
INDEX = {
    "rows": 110_000,
    "dimension": 384,
    "plan": "hnsw",
    "precision": "halfvec",
    "index_bytes": 128_000_000,
    "dead_rows": 40_000,
    "dead_share": 0.27,
    "run_id": None,
    "advice": [{"code": "rebuild_index", "message": "40,000 deleted rows: build the index anew"}],
    "forecast": FORECAST,
}
RUN = {"id": 7, "progress": None, "phase": None, "waiting_for": None, "eta_s": None, "error": None}
READER = "a transaction of 'psql', open for 3 min (idle in transaction, process 4711)"


class FakeClient:
    """A server that answers from a list, and remembers what it was asked."""

    def __init__(self, *runs: dict[str, Any]) -> None:
        self.runs = list(runs)
        self.asked: list[tuple[str, str, object]] = []

    def call(self, method: str, path: str, body: object = None, **_: object) -> Any:
        self.asked.append((method, path, body))
        if method == "POST":
            return {"run_id": 7, "forecast": FORECAST}
        return self.runs.pop(0) if path.startswith("/v1/runs/") else INDEX


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()
    monkeypatch.setattr(index, "HubClient", lambda _: fake)
    monkeypatch.setattr(index, "find_server", lambda *_: None)
    monkeypatch.setattr(index, "POLL_S", 0)
    return fake


def test_show_tells_state_advice_and_forecast(server: FakeClient) -> None:
    done = CliRunner().invoke(index.index, ["show", "--collection", "papers"])
    assert done.output.splitlines() == [
        "110,000 vectors of 384 dimensions: HNSW index, halfvec, 122 MiB",
        "40,000 dead rows (27%)",
        "advice: 40,000 deleted rows: build the index anew",
        (
            "a rebuild: about 41 s for 110,000 rows, memory 155 MiB (given 178 MiB),"
            " disk 244 MiB of 1,048,576 MiB free"
        ),
    ]


def test_rebuild_follows_the_run_to_its_end(server: FakeClient) -> None:
    server.runs = [
        RUN | {"status": "queued"},
        RUN | {"status": "running", "phase": "building the vector index", "progress": 0.5},
        RUN | {"status": "succeeded", "progress": 1.0},
    ]
    arguments = ["rebuild", "--collection", "papers", "--precision", "bit"]
    done = CliRunner().invoke(index.index, arguments)
    assert done.exit_code == 0, done.output
    assert server.asked[0] == ("POST", "/v1/collections/papers/index", {"precision": "bit"})
    assert "run 7: about 41 s for 110,000 rows" in done.output
    assert not server.runs


def test_a_run_that_failed_is_an_error(server: FakeClient) -> None:
    server.runs = [RUN | {"status": "failed", "error": "not enough disk"}]
    done = CliRunner().invoke(index.index, ["rebuild", "--collection", "papers"])
    assert done.exit_code != 0
    assert "not enough disk" in str(done.exception)


def test_whoever_is_waited_for_is_told() -> None:
    running = RUN | {"status": "running", "phase": "building the vector index"}
    assert index.doing(running | {"eta_s": 12.4}) == "building the vector index, 12 s left"
    waiting = index.doing(running | {"waiting_for": READER})
    assert waiting == f"building the vector index, waiting for {READER}"


def test_status_tells_what_a_run_does(caller: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    make_collection(caller)
    with db.writing() as session:
        run_id = runs.start_run(
            session, workspace_id=caller.workspace_id, kind=RunKind.REBUILD_INDEX, subject="space 0"
        )

    def work(progress: RunProgress, _: dict[str, Any]) -> dict[str, Any]:
        progress.describe("building the vector index", waiting_for=READER)
        progress.report(99, 100)
        show_workspace(caller)
        return {}

    runs.carry_out(run_id, work)
    assert (
        "rebuild_index of space 0: running 99% (building the vector index),"
        f" waiting for {READER}" in capsys.readouterr().out
    )
    show_workspace(caller)
    assert "rebuild_index of space 0: succeeded 100%\n" in capsys.readouterr().out
