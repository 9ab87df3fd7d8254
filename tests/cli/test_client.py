"""The REST client: problems become one line, busy servers are asked again, proxies stay out."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from embedhub.cli.client import HubClient, RequestRefused, Unreachable
from embedhub.cli.options import Server
from embedhub.local.network import free_port

Answer = tuple[int, dict[str, str], bytes]


class ScriptedServer(ThreadingHTTPServer):
    """Gives the answers it was told to, in order, and remembers what it was asked."""

    answers: list[Answer]
    asked: list[tuple[str, str | None]]


class Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        status, headers, body = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the tests' output quiet."""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked = [], []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def client_of(server: ScriptedServer, waits: list[float] | None = None) -> HubClient:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return HubClient(Server(url, "eh_key"), sleep=(waits if waits is not None else []).append)


def test_the_key_travels_in_the_header(server: ScriptedServer) -> None:
    server.answers = [(200, {}, b'{"items": []}')]
    assert client_of(server).call("GET", "/v1/collections", limit=3) == {"items": []}
    assert server.asked == [("/v1/collections?limit=3", "Bearer eh_key")]


def test_a_busy_server_is_asked_again_when_it_says(server: ScriptedServer) -> None:
    waits: list[float] = []
    server.answers = [(503, {"Retry-After": "2"}, b""), (429, {}, b""), (200, {}, b"{}")]
    assert client_of(server, waits).call("GET", "/x") == {}
    assert waits == [2, 1]


def test_a_problem_is_one_line_with_its_place(server: ScriptedServer) -> None:
    body = b'{"title": "Unprocessable", "detail": "slug: too long", "field": "slug"}'
    server.answers = [(422, {"Content-Type": "application/problem+json"}, body)]
    with pytest.raises(RequestRefused, match="slug: too long") as refused:
        client_of(server).call("GET", "/x")
    assert (refused.value.status, refused.value.field) == (422, "slug")


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]", b"null"])
def test_an_answer_of_somebody_elses_is_an_error_too(server: ScriptedServer, body: bytes) -> None:
    server.answers = [(502, {}, body)]
    with pytest.raises(RequestRefused, match="Bad Gateway"):
        client_of(server).call("GET", "/x")


def test_a_missing_collection_is_none_and_other_refusals_are_errors(server: ScriptedServer) -> None:
    server.answers = [(404, {}, b"{}"), (403, {}, b"{}")]
    assert client_of(server).find_collection("a") is None
    with pytest.raises(RequestRefused):
        client_of(server).find_collection("a")


def test_no_server_is_said_with_the_address() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    with pytest.raises(Unreachable, match=url):
        HubClient(Server(url, "eh_key"), sleep=lambda _: None).call("GET", "/x")


def test_a_users_proxy_is_not_asked_for_loopback(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port('127.0.0.1', 0)}")
    server.answers = [(200, {}, b"{}")]
    assert client_of(server).call("GET", "/x") == {}
