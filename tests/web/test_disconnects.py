"""Slow clients and clients that go away, over real sockets: no connection is held for them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.config import get_config
from embedhub.local.network import answers, free_port
from tests.factories import make_collection, send_texts

PROJECT = Path(__file__).parents[2]
# Every search takes this long: the server sleeps in a statement of its own.
SLOW_SERVER = """
import sys
from sqlalchemy import text
from embedhub.search.queries import target as service

real = service.find_target

def slow(session, **where):
    session.execute(text("SELECT pg_sleep(60) /* slow search */"))
    return real(session, **where)

service.find_target = slow
from embedhub.local.web import main
main(["--port", sys.argv[1]])
"""
SLOW = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* slow search */' AND state = 'active' AND pid <> pg_backend_pid()"  # noqa: E501
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"


@pytest.fixture
def watch(clean: str) -> Iterator[Callable[[str], int]]:
    """Counts what the database is doing for others."""
    with psycopg.connect(get_config().database_url, autocommit=True) as connection:

        def count(statement: str) -> int:
            row: Any = connection.execute(statement).fetchone()
            return int(row[0])

        yield count


@pytest.fixture
def token(caller: Caller) -> str:
    make_collection(caller)
    return create_key(caller.workspace_id, name="a test", scopes=["admin"])[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts a web server, ours or a script, and returns its port."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(script: str | None = None, **settings: str) -> int:
        port = free_port("127.0.0.1", 0)
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "EMBEDHUB_DEFAULT_ENCODER": "supplied",
            "EMBEDHUB_WEB_PROCESSES": "1",
            **settings,
        }
        command = [sys.executable, "-m", "embedhub.local.web", "--port", str(port)]
        if script is not None:
            (tmp_path / "serve.py").write_text(script)
            command = [sys.executable, str(tmp_path / "serve.py"), str(port)]
        started.append(subprocess.Popen(command, env=environment, cwd=PROJECT))
        wait_for(lambda: answers(f"http://127.0.0.1:{port}", "/v1/health/live"))
        return port

    yield begin
    for process in started:
        process.terminate()
        process.wait(30)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def request(token: str, path: str, body: bytes, **headers: str) -> bytes:
    named = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{named}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


SEARCH = "/v1/collections/papers/search"
LEXICAL = json.dumps({"query": "word", "mode": "lexical"}).encode()


def test_a_search_whose_client_has_gone_is_ended(
    start: Callable[..., int], token: str, watch: Callable[[str], int]
) -> None:
    port = start(SLOW_SERVER, EMBEDHUB_WEB_THREADS="2")
    clients = [connect(port) for _ in range(2)]
    for client in clients:
        client.sendall(request(token, SEARCH, LEXICAL))
    wait_for(lambda: watch(SLOW) == 2)
    clients[0].close()
    wait_for(lambda: watch(SLOW) == 1, 5)
    # Whoever still waits is not disturbed, and the thread is free again.
    assert answers(f"http://127.0.0.1:{port}", "/v1/health/live")
    assert watch(SLOW) == 1
    clients[1].close()
    wait_for(lambda: watch(SLOW) == 0, 5)
    wait_for(lambda: watch(OPEN) == 0, 5)


def test_a_search_that_still_waits_is_not_begun_for_nobody(
    start: Callable[..., int], token: str, watch: Callable[[str], int]
) -> None:
    port = start(SLOW_SERVER, EMBEDHUB_WEB_THREADS="1")
    with closing(connect(port)) as first:
        first.sendall(request(token, SEARCH, LEXICAL))
        wait_for(lambda: watch(SLOW) == 1)
        gone = connect(port)
        gone.sendall(request(token, SEARCH, LEXICAL))
        time.sleep(0.3)
        gone.close()
        time.sleep(0.3)
    # The first is ended, the second one's turn comes and nobody is there: the server is free.
    wait_for(lambda: watch(SLOW) == 0, 5)
    assert answers(f"http://127.0.0.1:{port}", "/v1/health/live")
    assert watch(SLOW) == 0


def test_a_statement_over_its_time_is_answered_with_a_problem(
    start: Callable[..., int], token: str
) -> None:
    port = start(SLOW_SERVER, EMBEDHUB_STATEMENT_TIMEOUT_S="0.5")
    with closing(connect(port)) as client:
        client.sendall(request(token, SEARCH, LEXICAL))
        answer = b""
        while not answer.endswith(b"}"):
            answer += client.recv(65_536)
    assert b" 504 " in answer.splitlines()[0]
    assert b'"code":"timeout"' in answer


def test_a_client_that_reads_slowly_holds_no_connection(
    start: Callable[..., int], token: str, caller: Caller, watch: Callable[[str], int]
) -> None:
    # Much more than the buffers of both sockets hold.
    send_texts(caller, [f"word {n}" for n in range(200)], metadata={"long": "x" * 65_000})
    port = start()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with closing(client):
        client.connect(("127.0.0.1", port))
        body = json.dumps({"query": "word", "mode": "lexical", "limit": 200, "highlight": False})
        client.sendall(request(token, SEARCH, body.encode()))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        # Most of the answer is still to be sent; the search log is written meanwhile.
        wait_for(lambda: watch(OPEN) == 0, 5)
        time.sleep(2)
        assert watch(OPEN) == 0


def test_an_import_whose_reports_nobody_reads_holds_no_transaction(
    start: Callable[..., int], token: str, watch: Callable[[str], int]
) -> None:
    port = start()
    lines = b"\n".join(
        json.dumps({"external_id": str(n), "text": "some words"}).encode() for n in range(1_200)
    )
    path = "/v1/collections/papers/documents/import"
    with closing(connect(port)) as client:
        client.sendall(request(token, path, lines, Accept="application/x-ndjson"))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        wait_for(lambda: watch("SELECT count(*) FROM documents") == 1_200)
        wait_for(lambda: watch(OPEN) == 0, 5)


def test_what_was_sent_to_be_written_is_written_though_its_client_has_gone(
    start: Callable[..., int], token: str, watch: Callable[[str], int]
) -> None:
    port = start()
    documents = [{"external_id": str(n), "text": f"word {n}"} for n in range(20)]
    body = json.dumps({"documents": documents}).encode()
    with psycopg.connect(get_config().database_url) as other:
        # Writers wait, readers do not.
        other.execute("LOCK TABLE documents IN SHARE MODE")
        client = connect(port)
        client.sendall(request(token, "/v1/collections/papers/documents", body))
        wait_for(lambda: watch(WAITING) == 1)
        client.close()
        time.sleep(0.5)
    wait_for(lambda: watch("SELECT count(*) FROM documents") == 20, 20)
