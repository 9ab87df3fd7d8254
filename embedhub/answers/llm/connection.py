"""One HTTP call of an endpoint that can be ended from outside, whatever it is waiting for."""

import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import httpx

from embedhub.answers.llm.endpoint import Endpoint
from embedhub.disconnects import Disconnected, ends_call_when_unwanted

logger = logging.getLogger(__name__)

CONNECTED = ("connect_tcp.complete", "start_tls.complete")


class TookTooLong(Exception):
    """The call was ended at its time limit."""


class Call:
    """A call under way: its socket can be shut from another thread, which wakes whoever reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._ended = threading.Event()
        self.is_late = False

    def end(self) -> None:
        """End the call: what waits for the endpoint goes on at once, with an error."""
        with self._lock:
            self._ended.set()
            if self._socket is not None:
                _shut(self._socket)

    def end_as_late(self) -> None:
        """End the call at its time limit."""
        self.is_late = True
        self.end()

    def wait(self, seconds: float) -> bool:
        """Wait, and say whether the call was ended meanwhile."""
        return self._ended.wait(seconds)

    @property
    def has_ended(self) -> bool:
        """Whether somebody has ended the call."""
        return self._ended.is_set()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the connection's socket: httpx calls this with whatever it does."""
        if not event.endswith(CONNECTED):
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
            if self._ended.is_set() and self._socket is not None:
                _shut(self._socket)

    @contextmanager
    def endings(self, total_s: float) -> Iterator[None]:
        """Let the end of the client and the time limit end the call inside.

        Raises Disconnected if the client has left already.
        """
        timer = threading.Timer(total_s, self.end_as_late)
        timer.daemon = True
        timer.start()
        try:
            with ends_call_when_unwanted(self.end):
                yield
        finally:
            timer.cancel()

    def raise_if_ended(self, error: BaseException | None = None) -> None:
        """Return if the call goes on; else raises Disconnected or TookTooLong."""
        if self.is_late:
            raise TookTooLong from error
        if self.has_ended:
            raise Disconnected("the client has disconnected") from error


@contextmanager
def post(endpoint: Endpoint, body: Mapping[str, Any], call: Call) -> Iterator[httpx.Response]:
    """Send a chat and open its answer, whatever its status; raises httpx.HTTPError.

    A connection of its own, closed behind it: ending a call ends nobody else's. Redirects are not
    followed: the key is for this address.
    """
    timeout = httpx.Timeout(endpoint.silence_s, connect=endpoint.connect_s)
    headers = {"Accept": "text/event-stream, application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    with (
        httpx.Client(verify=_certificates(), timeout=timeout, follow_redirects=False) as client,
        client.stream(
            "POST",
            endpoint.chat_url,
            json=body,
            headers=headers,
            extensions={"trace": call.trace},
        ) as response,
    ):
        yield response


def _shut(opened: socket.socket) -> None:
    # Not close(): a thread that reads would not notice. Not the TLS socket's own method: it takes
    # away what the reading thread is using.
    with suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    # Reading them takes longer than many a call.
    return httpx.create_ssl_context()
