"""Ends what a client asked the database when it no longer waits for the answer.

Only transactions that read are ended: what was sent to be written is written.
"""

import logging
from collections.abc import Iterator
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
        self._has_left = False

    def leave(self) -> None:
        """Have the statement under way ended, and no further one begun; returns at once."""
        self._has_left = True
        if self._connection is not None:
            _enders.submit(self._cancel)

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
