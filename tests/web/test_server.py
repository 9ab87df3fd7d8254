"""The real server behind a socket: bodies of every kind arrive whole or are refused."""

import http.client
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path

import psycopg
import pytest

from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.config import get_config
from tests.factories import make_collection

PROJECT = Path(__file__).parents[2]
DOCUMENTS = "/v1/collections/papers/documents"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def port(database: str) -> Iterator[int]:
    """The web server as `embedhub up` starts it, over the tests' database."""
    chosen = free_port()
    environment = {**os.environ, "EMBEDHUB_MAX_IMPORT_BYTES": str(40 * 2**20)}
    command = [sys.executable, "-m", "embedhub.local.web", "--port", str(chosen)]
    process = subprocess.Popen(command, env=environment, cwd=PROJECT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", chosen), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
    yield chosen
    process.terminate()
    process.wait(20)


class Answer:
    """A status, headers and JSON."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self) -> dict[str, object]:
        value: dict[str, object] = json.loads(self.body)
        return value


class Connection:
    """One kept-alive connection with a key."""

    def __init__(self, port: int, token: str) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request(method, path, body, {**self.headers, **named})
        return Answer(self.http.getresponse())

    def send_chunked(self, path: str, chunks: list[bytes], **headers: str) -> Answer:
        """Send a body without Content-Length."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request(
            "POST", path, iter(chunks), {**self.headers, **named}, encode_chunked=True
        )
        return Answer(self.http.getresponse())


@pytest.fixture
def connection(port: int, caller: Caller) -> Iterator[Connection]:
    make_collection(caller)
    _, token = create_key(caller.workspace_id, name="a test", scopes=["admin"])
    opened = Connection(port, token)
    yield opened
    opened.http.close()


def batch(n: int, size: int) -> bytes:
    text = "word " * (size // 5)
    documents = [{"external_id": str(i), "text": text} for i in range(n)]
    return json.dumps({"documents": documents}).encode()


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def test_a_body_without_a_length_arrives_whole(connection: Connection) -> None:
    answer = connection.send_chunked(DOCUMENTS, pieces(batch(3, 100), 7))
    assert answer.status == 200, answer.body
    assert answer.json()["counts"] == {"created": 3}


def test_an_import_without_a_length_arrives_whole(connection: Connection) -> None:
    lines = b"".join(
        json.dumps({"external_id": str(n), "text": "some words"}).encode() + b"\n"
        for n in range(1_200)
    )
    answer = connection.send_chunked(DOCUMENTS + "/import", pieces(lines, 1_000))
    assert answer.status == 200, answer.body
    assert (answer.json()["counts"], answer.json()["n_lines"]) == ({"created": 1_200}, 1_200)


def test_an_import_answers_line_by_line_when_asked(connection: Connection) -> None:
    lines = b"\n".join(
        json.dumps({"external_id": str(n), "text": "some words"}).encode() for n in range(2_400)
    )
    answer = connection.send("POST", DOCUMENTS + "/import", lines, Accept="application/x-ndjson")
    reports = [json.loads(line) for line in answer.body.splitlines()]
    assert [report["n_lines"] for report in reports] == [2_000, 2_400, 2_400]
    assert [report["is_done"] for report in reports] == [False, False, True]
    refused = connection.send(
        "POST", "/v1/collections/none/documents/import", lines, Accept="application/x-ndjson"
    )
    assert refused.status == 404


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_batch_of_20_mb_arrives_whole(connection: Connection, is_chunked: bool) -> None:
    # Letters without spaces: one long word each, so that the time goes into the transfer.
    documents = [{"external_id": str(i), "text": "", "url": "u" * 3_000} for i in range(900)]
    padding = " " * (20 * 2**20)
    body = json.dumps({"documents": documents}).encode() + padding.encode()
    if is_chunked:
        answer = connection.send_chunked(DOCUMENTS, pieces(body, 65_536))
    else:
        answer = connection.send("POST", DOCUMENTS, body)
    assert answer.status == 200, answer.body
    assert answer.json()["counts"] == {"created": 900}


def test_a_large_body_waits_until_its_key_is_looked_up(connection: Connection) -> None:
    body = b'{"documents": [{"external_id": "1", "text": "word"}]}' + b" " * (30 << 20)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(get_config().database_url) as other:
        other.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        answer = pool.submit(connection.send, "POST", DOCUMENTS, body)
        deadline = time.monotonic() + 20
        while not other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert time.monotonic() < deadline, "nobody looks the key up"
            time.sleep(0.02)
        # Far longer than sending all of it takes.
        time.sleep(1)
        assert not answer.done()
        assert connection.http.sock is not None
        _, writable, _ = select.select([], [connection.http.sock], [], 0)
        assert writable == [], "the server goes on reading"
        other.commit()
        assert answer.result(30).status == 200


def test_a_body_a_little_over_the_limit_is_refused_with_a_problem(connection: Connection) -> None:
    answer = connection.send("POST", DOCUMENTS, b" " * (32 * 2**20 + 1))
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert connection.send("GET", DOCUMENTS + "/none").status == 404


def test_a_body_that_breaks_off_stores_nothing(connection: Connection, port: int) -> None:
    token = connection.headers["Authorization"]
    head = f"POST {DOCUMENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"
    for framing, part in (
        ("Content-Length: 1000\r\n\r\n", b'{"documents": ['),
        ("Transfer-Encoding: chunked\r\n\r\n", b'f\r\n{"documents": ['),
    ):
        with socket.create_connection(("127.0.0.1", port)) as broken:
            broken.sendall((head + framing).encode() + part)
    time.sleep(0.2)
    assert connection.send("GET", "/v1/collections/papers/status").json()["n_documents"] == 0


@pytest.mark.parametrize(
    "sent",
    [
        (DOCUMENTS, False, 1 << 20),
        (DOCUMENTS + "/import", False, 1 << 20),
        (DOCUMENTS, True, 64 << 20),
        (DOCUMENTS + "/import", True, 41 << 20),
    ],
)
@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_far_over_the_limit_is_cut_off(
    connection: Connection, port: int, sent: tuple[str, bool, int], is_chunked: bool
) -> None:
    path, has_key, n_bytes = sent
    token = f"Authorization: {connection.headers['Authorization']}\r\n" if has_key else ""
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {n_bytes}"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{token}{framing}\r\n\r\n"
    piece = b" " * (1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode())
        answer = b""
        # A server that closes while we send may reset the connection before we read its answer.
        with suppress(ConnectionError) if is_chunked else nullcontext():
            for _ in range(0, n_bytes if is_chunked else 0, len(piece)):
                client.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            while part := client.recv(65_536):
                answer += part
    if is_chunked and not answer:
        return
    assert b" 413 " in answer.splitlines()[0]
    assert b"application/problem+json" in answer


def test_a_large_body_with_a_wrong_key_is_not_taken_in(port: int, connection: Connection) -> None:
    del connection
    declared = 38 << 20
    head = (
        f"POST {DOCUMENTS}/import HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer eh_wrong\r\nContent-Length: {declared}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode())
        # Half of it: who waited for the rest would never answer.
        with suppress(ConnectionError):
            for _ in range(19):
                client.sendall(b" " * (1 << 20))
        answer = b""
        with suppress(ConnectionError):
            while part := client.recv(65_536):
                answer += part
    # A server that closes while we send may reset the connection before we read its answer.
    if answer:
        assert b" 401 " in answer.splitlines()[0]
        assert b"application/problem+json" in answer


def test_what_is_no_http_is_refused(port: int) -> None:
    for sent in (
        b"POST /v1/collections HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /v1/collections HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(sent)
            status = int(client.recv(100).split()[1])
        assert 400 <= status < 500 or status == 501


def test_errors_keep_the_connection_open(connection: Connection) -> None:
    connection.http.auto_open = 0
    connection.http.connect()
    for method, path, status in (
        ("GET", "/v1/collections/none", 404),
        ("PUT", "/v1/collections", 405),
        ("GET", "/v1/collections/papers", 200),
    ):
        assert connection.send(method, path).status == status


def test_many_clients_at_once_are_all_answered(port: int, connection: Connection) -> None:
    token = connection.headers["Authorization"].removeprefix("Bearer ")
    clients = [Connection(port, token) for _ in range(40)]
    for client in clients:
        client.http.request("GET", "/v1/collections/papers", headers=client.headers)
    assert {Answer(client.http.getresponse()).status for client in clients} == {200}
    for client in clients:
        client.http.close()
