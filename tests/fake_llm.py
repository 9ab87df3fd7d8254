"""A server that speaks OpenAI's chat protocol as told: well, slowly, in garbage, or not at all."""

import json
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Messages = Sequence[dict[str, str]]


@dataclass
class Reply:
    """One answer: its words, and what goes wrong with it.

    `drop_after`: the connection breaks after so many pieces. `pause_s` lies before each piece,
    `silence_s` before the headers. `raw` is sent in place of a stream. `error` is sent with
    `status`, or within the stream if that is 200.
    """

    text: str = "An answer [1]."
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silence_s: float = 0
    pause_s: float = 0
    drop_after: int | None = None
    raw: bytes | None = None
    error: dict[str, Any] | None = None
    is_streamed: bool = True
    has_done: bool = True
    finish_reason: str = "stop"


Script = Reply | str | Callable[[Messages], Reply | str]


class FakeLlm:
    """The server; `replies` are given in order, then `usual` each time."""

    def __init__(self, usual: Script | None = None) -> None:
        self.usual: Script = usual or Reply()
        self.replies: deque[Script] = deque()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        # Clients that went away before their answer was sent whole.
        self.n_left = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def last_messages(self) -> Messages:
        messages: Messages = self.bodies[-1]["messages"]
        return messages

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next_reply(self, messages: Messages) -> Reply:
        script = self.replies.popleft() if self.replies else self.usual
        reply = script(messages) if callable(script) else script
        return Reply(reply) if isinstance(reply, str) else reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.bodies.append(body)
                fake.keys.append(self.headers["Authorization"])
                fake.paths.append(self.path)
                try:
                    send(self, fake.next_reply(body["messages"]), body)
                except (BrokenPipeError, ConnectionResetError):
                    fake.n_left += 1
                self.close_connection = True

        return Handler


def send(handler: BaseHTTPRequestHandler, reply: Reply, body: dict[str, Any]) -> None:
    wait(handler.connection, reply.silence_s)
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.status != 200 or reply.raw is not None:
        content = reply.raw if reply.raw is not None else json.dumps(reply.error or {}).encode()
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
    elif not (reply.is_streamed and body.get("stream")):
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        message = {"role": "assistant", "content": reply.text}
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        handler.wfile.write(json.dumps({"choices": [choice]}).encode())
    else:
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for event in events(reply):
            wait(handler.connection, reply.pause_s)
            handler.wfile.write(event)
            handler.wfile.flush()


def events(reply: Reply) -> Iterator[bytes]:
    """Yield the events of a streamed answer, a word each."""
    yield b": a comment\r\n\r\n"
    yield event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    for number, word in enumerate(words(reply.text)):
        if number == reply.drop_after:
            return
        yield event({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
    if reply.error is not None:
        yield event({"error": reply.error})
        return
    yield event({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]})
    yield event({"choices": [], "usage": {"total_tokens": 7}})
    if reply.has_done:
        yield b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def words(text: str) -> list[str]:
    return [word if n == 0 else f" {word}" for n, word in enumerate(text.split(" "))]


def wait(connection: socket.socket, seconds: float) -> None:
    """Wait; raises ConnectionResetError as soon as the client has gone."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], left)
        if readable and not connection.recv(1, socket.MSG_PEEK):
            raise ConnectionResetError


@contextmanager
def fake_llm(usual: Script | None = None) -> Iterator[FakeLlm]:
    """Run a fake for a while."""
    fake = FakeLlm(usual)
    try:
        yield fake
    finally:
        with suppress(OSError):
            fake.close()
