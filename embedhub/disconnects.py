"""Ends what is done for a client when it no longer waits for the answer.

Of the database's work only transactions that read are ended: what was sent to be written is
written. Calls of other servers say themselves how they are ended.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError

from embedhub.errors import HubError

logger = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 2.0
# Not the thread that noticed: it serves every connection of the process.
_enders = ThreadPoolExecutor(max_workers=1, thread_name_prefix="end-unwanted")


class Disconnected(HubError):
    """Nobody waits for the answer any more."""

    code = "disconnected"


class WaitingClient:
    """A client that waits for an answer, and the connection that reads for it just now."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._end_call: Callable[[], None] | None = None
        self._has_left = False

    def leave(self) -> None:
        """Have what is under way ended, and no further statement begun; returns at once."""
        self._has_left = True
        if self._connection is not None:
            _enders.submit(self._cancel)
        if self._end_call is not None:
            _enders.submit(self._end)

    @contextmanager
    def calls(self, end: Callable[[], None]) -> Iterator[None]:
        """Have `end` called, by another thread, once the client leaves while inside."""
        with self._lock:
            self._end_call = end
        try:
            if self._has_left:
                raise Disconnected("the client has disconnected")
            yield
        finally:
            with self._lock:
                self._end_call = None

    @contextmanager
    def reads_on(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Let what runs on the connection inside be ended; raises Disconnected where it was."""
        with self._lock:
            self._connection = connection
        try:
            if self._has_left:
                raise Disconnected("the client has disconnected")
            yield
        except DBAPIError as error:
            if self._has_left:
                raise Disconnected("the client has disconnected") from error
            raise
        finally:
            # Waits for a cancellation under way: it must not meet whoever is next on it.
            with self._lock:
                self._connection = None

    def _end(self) -> None:
        with self._lock:
            if self._end_call is not None:
                self._end_call()

    def _cancel(self) -> None:
        with self._lock:
            if self._connection is None:
                return
            try:
                self._connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)
            except psycopg.Error:
                # The statement's own time limit ends it.
                logger.warning("a statement nobody waits for was not cancelled", exc_info=True)


_client: ContextVar[WaitingClient | None] = ContextVar("client", default=None)


@contextmanager
def waiting(client: WaitingClient) -> Iterator[None]:
    """Let what this thread does inside be done for a client."""
    token = _client.set(client)
    try:
        yield
    finally:
        _client.reset(token)


@contextmanager
def ended_when_unwanted(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Read on a connection for the client of this thread, if it works for one."""
    client = _client.get()
    if client is None:
        yield
        return
    with client.reads_on(connection):
        yield


@contextmanager
def ends_call_when_unwanted(end: Callable[[], None]) -> Iterator[None]:
    """Have `end` end a call of another server if the client of this thread leaves meanwhile.

    `end` is called at most once, by another thread, and must return soon. Raises Disconnected if
    the client has left already; without a client nothing happens.
    """
    client = _client.get()
    if client is None:
        yield
        return
    with client.calls(end):
        yield
