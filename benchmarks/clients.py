"""Many clients of a web server at once, so light that they leave the processor to the server."""

import selectors
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.measure import Nonsense
from embedhub.cli.options import Server

READ_BYTES = 1 << 18
TIMEOUT_S = 60.0
# Bodies kept to look at afterwards.
MAX_KEPT = 200


def post(url: str, path: str, key: str, body: Mapping[str, object]) -> bytes:
    """Return a request as it is sent, for a connection that stays open."""
    content = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@dataclass(slots=True)
class Load:
    """What clients met: milliseconds of each answer, seconds in all, and some of the bodies."""

    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    bodies: list[bytes] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second over all clients."""
        return len(self.milliseconds) / self.seconds


class Client:
    """One connection that sends a request whenever the last one was answered."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._received = bytearray()
        self._body_at = self._ends_at = 0

    def send(self, request: bytes) -> None:
        """Send the next request."""
        self._received.clear()
        self._body_at = self._ends_at = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Return the body once it is whole; raises Nonsense for an answer other than 200."""
        piece = self.socket.recv(READ_BYTES)
        if not piece:
            raise Nonsense("the server closed a connection")
        self._received += piece
        if not self._ends_at:
            head_ends = self._received.find(b"\r\n\r\n")
            if head_ends < 0:
                return None
            head = bytes(self._received[:head_ends])
            self._body_at = head_ends + 4
            self._ends_at = self._body_at + content_length(head)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise Nonsense(f"a request was refused: {bytes(self._received)!r}")
        if len(self._received) < self._ends_at:
            return None
        return bytes(self._received[self._body_at : self._ends_at])


class Searcher:
    """Searches one after the other over one connection, as cheaply as a program can."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = Client(server.url)

    def search(self, slug: str, request: Mapping[str, object]) -> Any:
        """Return the answer to a search of a collection."""
        path = f"/v1/collections/{slug}/search"
        self._client.send(post(self._server.url, path, self._server.key, request))
        while (body := self._client.receive()) is None:
            pass
        return orjson.loads(body)


def content_length(head: bytes) -> int:
    """Return the length that the headers of an answer name."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    raise Nonsense("an answer without Content-Length")


def load(url: str, requests: Sequence[bytes], n_clients: int, seconds: float) -> Load:
    """Return what so many clients met that send the requests in turn, each one after the other."""
    clients = [Client(url) for _ in range(n_clients)]
    try:
        return _run(clients, cycle(requests), seconds)
    finally:
        for client in clients:
            client.socket.close()


def _run(clients: Sequence[Client], requests: Iterator[bytes], seconds: float) -> Load:
    met = Load()
    waiting = selectors.DefaultSelector()
    for client in clients:
        waiting.register(client.socket, selectors.EVENT_READ, client)
    started = time.perf_counter()
    for client in clients:
        client.send(next(requests))
    n_open = len(clients)
    while n_open:
        ready = waiting.select(TIMEOUT_S)
        if not ready:
            raise Nonsense(f"no answer within {TIMEOUT_S:g} seconds")
        for key, _ in ready:
            served: Client = key.data
            body = served.receive()
            if body is None:
                continue
            now = time.perf_counter()
            met.milliseconds.append((now - served.sent_at) * 1000)
            if len(met.bodies) < MAX_KEPT:
                met.bodies.append(body)
            if now - started < seconds:
                served.send(next(requests))
            else:
                n_open -= 1
    met.seconds = time.perf_counter() - started
    return met
