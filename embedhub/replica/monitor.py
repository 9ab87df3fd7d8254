"""Watches the read replica from a thread of its own, so that no request waits to learn its state.

A replica is used while it follows the same primary, at the same migration, closely enough. What a
request finds out (a lost connection) takes it out of use at once; only the watch brings it back.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from weakref import WeakSet

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from embedhub import db
from embedhub.replica import queries
from embedhub.replica.position import LagClock
from embedhub.replica.queries import Server

logger = logging.getLogger(__name__)

CHECK_S = 1.0
# A look that takes longer counts as no answer, and what is asked of the replica is given up.
ANSWER_S = 4.0
# A state older than this is not believed.
BELIEVED_S = CHECK_S + ANSWER_S + 1.0
SILENT = "it does not answer"
LAG_UNKNOWN = "how far it is behind is not known yet"
# How long a replica stays out of use after a request met a fault.
REST_S = 5.0


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """Whether the replica answers searches, and why not; `replayed` is what it surely holds.

    `is_fit` is what the last look found, whatever requests have met since; None: not known.
    """

    is_used: bool
    reason: str | None
    replayed: int = 0
    lag_s: float | None = None
    checked_at: float = 0.0
    is_fit: bool | None = None


NOT_LOOKED_AT = ReplicaState(False, "not looked at yet")


def fault_of(primary: Server, replica: Server, lag_s: float | None, max_lag_s: float) -> str | None:
    """Return why a replica must not answer in the primary's place; None if it may."""
    if not replica.is_replica:
        return "it is no replica: it accepts writes"
    if replica.system != primary.system:
        return "it is a replica of another server"
    if replica.migration != primary.migration:
        return f"its schema is at {replica.migration}, the primary's at {primary.migration}"
    if lag_s is None:
        return LAG_UNKNOWN
    if lag_s > max_lag_s:
        return f"it is more than {max_lag_s:g} s behind"
    return None


class ReplicaMonitor:
    """Keeps the state of one replica up to date until `stop`."""

    def __init__(self, primary: Engine, replica: Engine, *, max_lag_s: float) -> None:
        self.state = NOT_LOOKED_AT
        self._primary = primary
        self._replica = replica
        self._max_lag_s = max_lag_s
        self._clock = LagClock(max_lag_s)
        self._lock = Lock()
        self._rest_until = 0.0
        self._stopped = Event()
        self._connections: WeakSet[psycopg.Connection] = WeakSet()
        self.track(replica)

    def track(self, engine: Engine) -> None:
        """Let the connections of an engine be cut when the replica does not answer."""
        event.listen(engine, "connect", lambda connection, _: self._connections.add(connection))

    def start(self) -> None:
        """Begin to watch."""
        Thread(target=self._watch, name="replica-monitor", daemon=True).start()

    def stop(self) -> None:
        """End the watch; the last state grows old and is not believed any more."""
        self._stopped.set()

    def may_answer(self, after: int | None) -> bool:
        """Say whether the replica may answer, with all up to a position if one is given."""
        state = self.state
        is_believed = time.monotonic() - state.checked_at < BELIEVED_S
        return state.is_used and is_believed and (after is None or after <= state.replayed)

    def is_unfit(self) -> bool:
        """Say whether the last look found a reason that no process would use the replica."""
        return self.state.is_fit is False

    def trip(self, reason: str) -> None:
        """Take the replica out of use after a request met a fault, for a while at least."""
        state = self.state
        # Of one that is out of use already, such as cut off by the watch, the first reason stays.
        self._rest(replace(state, is_used=False, reason=reason if state.is_used else state.reason))

    def note_replayed(self, position: int) -> None:
        """Take note of what the replica was seen to have replayed meanwhile."""
        with self._lock:
            if position > self.state.replayed:
                self.state = replace(self.state, replayed=position)

    def look(self) -> None:
        """Ask both servers once and publish what follows."""
        state = self._judge()
        if time.monotonic() < self._rest_until and state.is_used:
            state = replace(state, is_used=False, reason=self.state.reason)
        self._publish(state)

    def _judge(self) -> ReplicaState:
        try:
            with db.reading(self._primary) as session:
                primary = queries.describe_server(session)
        except SQLAlchemyError:
            return ReplicaState(False, "the primary does not answer", checked_at=time.monotonic())
        self._clock.note(primary.position, time.monotonic())
        try:
            with db.reading(self._replica) as session:
                replica = queries.describe_server(session)
        except SQLAlchemyError:
            return ReplicaState(False, SILENT, checked_at=time.monotonic(), is_fit=False)
        now = time.monotonic()
        lag_s = self._clock.lag(replica.position, now)
        reason = fault_of(primary, replica, lag_s, self._max_lag_s)
        is_fit = None if reason == LAG_UNKNOWN else reason is None
        return ReplicaState(reason is None, reason, replica.position, lag_s, now, is_fit)

    def _rest(self, state: ReplicaState) -> None:
        with self._lock:
            self._rest_until = time.monotonic() + REST_S
        self._publish(state)

    def _publish(self, state: ReplicaState) -> None:
        with self._lock:
            before, self.state = self.state, state
        if (before.is_used, before.reason) == (state.is_used, state.reason):
            return
        if state.is_used:
            logger.info("the read replica answers searches")
        else:
            logger.warning("the primary answers searches; the read replica: %s", state.reason)

    def _watch(self) -> None:
        while True:
            if not _ends_within(self.look, ANSWER_S):
                self._rest(replace(self.state, is_used=False, reason=SILENT, is_fit=False))
                self.cut()
            if self._stopped.wait(CHECK_S):
                return

    def cut(self) -> None:
        """Give up every connection to the replica: who waits for an answer asks the primary."""
        for connection in list(self._connections):
            with suppress(OSError, psycopg.Error):
                held = socket.socket(fileno=os.dup(connection.fileno()))
                with held:
                    held.shutdown(socket.SHUT_RDWR)


def _ends_within(work: Callable[[], None], seconds: float) -> bool:
    worker = Thread(target=work, name="replica-look", daemon=True)
    worker.start()
    worker.join(seconds)
    return not worker.is_alive()
