"""Several web server processes behind one socket: who is killed, who ends, who is logged in."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import global_settings
from django.test import override_settings

from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.config import override_config
from embedhub.console.staff import set_staff_login
from embedhub.local.cluster import OTHER_CONNECTIONS, max_connections
from embedhub.local.network import answers, free_port
from embedhub.local.processes import is_running
from embedhub.local.web_processes import process_count
from tests.factories import make_collection

PROJECT = Path(__file__).parents[2]
N_PROCESSES = 2


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class Server:
    """The web server as it is started, with several processes."""

    def __init__(self, log: Path) -> None:
        self.port = free_port("127.0.0.1", 0)
        self.log = log
        environment = {
            **os.environ,
            "EMBEDHUB_WEB_PROCESSES": str(N_PROCESSES),
            # Nothing to load: what is tested are the processes.
            "EMBEDHUB_DEFAULT_ENCODER": "supplied",
        }
        command = [sys.executable, "-m", "embedhub.local.web", "--port", str(self.port)]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, cwd=PROJECT, stdout=output, stderr=output
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> set[int]:
        """Return the ids of the processes that serve."""
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == self.process.pid and b"--socket" in command:
                found.add(int(folder.name))
        return found

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
        """Send a request on a connection of its own; return status, body and Set-Cookie."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            cookies = "; ".join(
                value.split(";")[0] for value in answer.headers.get_all("Set-Cookie") or []
            )
            return answer.status, answer.read().decode(), cookies


@pytest.fixture
def server(clean: str, tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path / "web.log")
    try:
        wait_for(lambda: answers(started.url, "/v1/health/ready"))
        wait_for(lambda: len(started.workers()) == N_PROCESSES)
        yield started
    finally:
        started.process.terminate()
        started.process.wait(30)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_process_is_replaced_while_the_others_answer(server: Server) -> None:
    before = server.workers()
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not is_running(victim))
    # Whoever is left has the socket: nobody waits for the new one.
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: server.ask("GET", "/v1/version")[0], range(40)))
    assert statuses == [200] * 40
    wait_for(lambda: len(server.workers()) == N_PROCESSES)
    assert before - {victim} < server.workers()
    assert "web process 1 ended with status -9" in server.log.read_text()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_outlives_the_process_that_started_them(server: Server) -> None:
    workers = server.workers()
    server.process.kill()
    server.process.wait()
    wait_for(lambda: not any(is_running(pid) for pid in workers), 10)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_asked_to_stop_all_end_with_their_requests_answered(server: Server, caller: Caller) -> None:
    make_collection(caller, encoder="hashing-64")
    _, token = create_key(caller.workspace_id, name="a test", scopes=["admin"])
    workers = server.workers()
    body = json.dumps({"documents": [{"external_id": "1", "text": "never encoded"}]})
    path = "/v1/collections/papers/documents?wait=indexed&timeout=2"

    def send(_: int) -> int:
        return server.ask("POST", path, body, Authorization=f"Bearer {token}")[0]

    with ThreadPoolExecutor(4) as pool:
        # Long enough to be under way when the signal comes.
        waiting = [pool.submit(send, number) for number in range(4)]
        time.sleep(1)
        server.process.terminate()
        assert {found.result(30) for found in waiting} <= {200, 202}
    assert server.process.wait(30) == 0
    assert not any(is_running(pid) for pid in workers)


@pytest.mark.slow
def test_who_is_logged_in_stays_so_in_every_process(server: Server) -> None:
    # The server knows nothing of the quick hash of the other tests.
    with override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS):
        set_staff_login("ada", "correct horse battery")
    _, page, cookies = server.ask("GET", "/admin/login/")
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    form = {"username": "ada", "password": "correct horse battery", "next": "/admin/"}
    status, _, session = server.ask(
        "POST",
        "/admin/login/",
        urlencode({**form, "csrfmiddlewaretoken": found[1]}),
        Content_Type="application/x-www-form-urlencoded",
        Cookie=cookies,
    )
    assert status == 302
    # A connection each: chance picks the process, 20 times the same one is one in a million.
    statuses = {server.ask("GET", "/admin/", Cookie=session)[0] for _ in range(20)}
    assert statuses == {200}


def test_a_server_that_cannot_start_ends(clean: str, tmp_path: Path) -> None:
    environment = {**os.environ, "EMBEDHUB_WEB_PROCESSES": "2", "EMBEDHUB_SECRET_KEY": ""}
    command = [sys.executable, "-m", "embedhub.local.web", "--port", "0"]
    done = subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert b"EMBEDHUB_SECRET_KEY" in done.stderr


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (4, 2), (8, 4), (64, 8)])
def test_one_process_a_two_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, expected: int
) -> None:
    monkeypatch.setattr("embedhub.local.web_processes.usable_cores", lambda: cores)
    assert process_count() == expected


def test_the_setting_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDHUB_WEB_PROCESSES", "0")
    override_config(web_processes=3)
    try:
        assert process_count() == 3
    finally:
        override_config(web_processes=0)


def test_postgres_has_room_for_the_connections_of_every_process() -> None:
    assert max_connections() == 100
    override_config(web_processes=8, web_threads=16)
    try:
        assert max_connections() == 8 * (16 + 4 + 16) + OTHER_CONNECTIONS
    finally:
        override_config(web_processes=0, web_threads=8)
