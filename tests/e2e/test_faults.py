"""Whatever is killed: nothing accepted is lost, and nothing is left running."""

import os

import psutil
import pytest

from embedhub.local.postgres import PostgresFolder
from embedhub.local.processes import is_running
from tests.e2e.hub import Hub, wait_for

pytestmark = pytest.mark.slow

N = 60


def slow_texts(word: str) -> dict[str, str]:
    """Return texts that keep the worker busy for long enough to be killed in the middle."""
    return {
        f"{word}-{n}": f"{word} document number{n} {'SLOW' if n % 10 == 0 else ''}"
        for n in range(N)
    }


def all_encoded(hub: Hub, slug: str) -> bool:
    return not hub.status(slug)["n_pending"]


def check_whole(hub: Hub, slug: str, word: str) -> None:
    """Every accepted document is there and found by words and by meaning; the doctor agrees."""
    status = hub.status(slug)
    assert (status["n_documents"], status["n_dead"]) == (N, 0)
    assert status["n_embedded"] == status["n_chunks"] == N
    for n in (0, 31, N - 1):
        for mode in ("lexical", "dense", "hybrid"):
            assert hub.found(slug, f"{word} number{n}", mode)[0] == f"{word}-{n}", (n, mode)
    done = hub.run("doctor")
    assert done.returncode == 0, done.stdout
    assert "clean" in done.stdout


def test_a_worker_killed_mid_batch_costs_a_lease(hub: Hub) -> None:
    hub.client.ensure_collection("worker")
    hub.send("worker", slow_texts("apple"))
    wait_for(lambda: 0 < hub.status("worker")["n_pending"] < N)
    killed = hub.kill("embed")
    assert not all_encoded(hub, "worker")
    wait_for(lambda: hub.state.children.get("embed") not in (None, killed))
    wait_for(lambda: all_encoded(hub, "worker"))
    check_whole(hub, "worker", "apple")


def test_a_killed_postgres_comes_back_under_everybody(hub: Hub) -> None:
    hub.client.ensure_collection("database")
    hub.send("database", slow_texts("pear"))
    killed = hub.kill("postgres")
    wait_for(lambda: hub.state.children.get("postgres") not in (None, killed))
    wait_for(lambda: all_encoded(hub, "database"))
    check_whole(hub, "database", "pear")


def test_a_killed_web_server_comes_back(hub: Hub) -> None:
    hub.client.ensure_collection("web")
    killed = hub.kill("web")
    wait_for(lambda: hub.state.children.get("web") not in (None, killed))
    hub.send("web", slow_texts("plum"))
    wait_for(lambda: all_encoded(hub, "web"))
    check_whole(hub, "web", "plum")


def test_a_text_that_the_encoder_cannot_take_costs_itself_only(hub: Hub) -> None:
    hub.client.ensure_collection("poison")
    texts = {f"fig-{n}": f"fig document number{n}" for n in range(30)}
    hub.send("poison", texts | {"bad": "POISON in this one"})
    wait_for(lambda: all_encoded(hub, "poison"))
    status = hub.status("poison")
    assert (status["n_embedded"], status["n_dead"]) == (30, 1)
    (dead,) = hub.client.call("GET", "/v1/collections/poison/dead")["items"]
    assert dead["external_id"] == "bad"
    assert "cannot be encoded" in dead["reason"]
    # Its words are found all the same.
    assert hub.found("poison", "poison", "lexical") == ["bad"]
    assert hub.found("poison", "fig number7", "dense")[0] == "fig-7"
    assert hub.run("doctor").returncode == 0


def test_a_killed_supervisor_takes_everything_with_it_and_loses_nothing(hub: Hub) -> None:
    hub.client.ensure_collection("supervisor")
    hub.send("supervisor", slow_texts("grape"))
    wait_for(lambda: 0 < hub.status("supervisor")["n_pending"] < N)
    children = hub.state.children
    assert {"postgres", "web", "upkeep", "embed", "files", "train"} == set(children)
    hub.kill("supervisor")
    wait_for(lambda: not any(is_running(pid) for pid in children.values()))
    wait_for(lambda: not processes_of(hub))
    hub.up()
    wait_for(lambda: all_encoded(hub, "supervisor"))
    check_whole(hub, "supervisor", "grape")


def test_down_leaves_nothing(hub: Hub) -> None:
    hub.down()
    assert processes_of(hub) == []
    assert not PostgresFolder(hub.home.postgres).pid_file.exists()
    assert hub.home.state() is None
    assert hub.run("down").stdout.startswith("nothing ran")
    hub.up()


def processes_of(hub: Hub) -> list[str]:
    """Return the command lines of all processes that work over this home, whoever started them."""
    marks = {f"EMBEDHUB_HOME={hub.home.root}", str(hub.home.postgres / "data")}
    found = []
    for process in psutil.process_iter():
        try:
            words = {*process.cmdline(), *(f"{k}={v}" for k, v in process.environ().items())}
        except psutil.Error:
            continue
        if marks & words and process.pid != os.getpid():
            found.append(" ".join(process.cmdline()))
    return found
