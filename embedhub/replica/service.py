"""Reading from the replica where that is allowed, from the primary where not."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import NotFound
from embedhub.replica import queries
from embedhub.replica.monitor import ANSWER_S, SILENT, ReplicaMonitor, ReplicaState

__all__ = ["ReplicaState", "forget", "read", "state", "wait_until_replayed", "written_position"]

Done = TypeVar("Done")
logger = logging.getLogger(__name__)

# A statement that was cancelled so that the replica could go on replaying, and what a replica that
# is one migration behind says. The primary answers; the replica stays in use.
CONFLICTS = frozenset({"40001", "40P01", "42P01", "42703", "42883"})
# Its own fault: connections, resources, shutdown, the system, corruption.
FAULTS = ("08", "53", "57P", "58", "XX")
POLL_S, LONGEST_POLL_S = 0.01, 0.2


@dataclass(frozen=True, slots=True)
class _Replica:
    url: str
    engine: Engine
    monitor: ReplicaMonitor


_replica: _Replica | None = None
_lock = Lock()


def read(work: Callable[[Session], Done], *, after: int | None = None) -> Done:
    """Do work that only reads in one snapshot, on the replica if there is one that may answer.

    With `after`, a position in the log, only on a replica that surely holds all up to there. What
    is not found there, or fails through the replica's fault, is done again on the primary, so the
    work may run twice.
    """
    found = _configured()
    if found is not None and found.monitor.may_answer(after):
        try:
            with db.reading(found.engine) as session:
                return work(session)
        except NotFound:
            # Made a moment ago, it may not have arrived yet.
            pass
        except DBAPIError as error:
            if not _is_replicas_fault(found.monitor, error):
                raise
    with db.reading() as session:
        return work(session)


def state() -> ReplicaState | None:
    """Return whether the replica answers and why not; None if none is configured."""
    found = _configured()
    return None if found is None else found.monitor.state


def written_position() -> int | None:
    """Return a position behind everything committed until now.

    None if no replica is configured, or the primary does not answer just now.
    """
    if _configured() is None:
        return None
    try:
        with db.reading() as session:
            return queries.written_position(session)
    except SQLAlchemyError:
        # What was committed stays so: its answer must not become an error.
        logger.warning("the position of a commit is not known", exc_info=True)
        return None


def wait_until_replayed(*, timeout_s: float) -> bool:
    """Return when searches on the replica see everything committed until now; False if not in time.

    True at once where no replica is configured or none is fit. One that only this process leaves
    alone, as it has not looked yet or met a fault, may answer for another. No connection is held
    between the looks.
    """
    found = _configured()
    if found is None or found.monitor.is_unfit():
        return True
    position = written_position() or 0
    deadline = time.monotonic() + timeout_s
    pause_s = POLL_S
    while not found.monitor.is_unfit():
        try:
            with db.reading(found.engine) as session:
                replayed = queries.replayed_position(session)
        except SQLAlchemyError:
            found.monitor.trip(SILENT)
            return True
        found.monitor.note_replayed(replayed)
        if replayed >= position:
            return True
        if time.monotonic() + pause_s > deadline:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)
    return True


def forget() -> None:
    """Stop watching the replica and drop its connections; the next read begins anew."""
    global _replica  # noqa: PLW0603 - one replica a process is the point
    with _lock:
        if _replica is not None:
            _replica.monitor.stop()
            _replica.engine.dispose()
        _replica = None


def _configured() -> _Replica | None:
    url = get_config().read_database_url
    if not url:
        return None
    found = _replica
    return found if found is not None and found.url == url else _begin(url)


def _begin(url: str) -> _Replica:
    global _replica  # noqa: PLW0603
    config = get_config()
    with _lock:
        if _replica is not None and _replica.url == url:
            return _replica
        if _replica is not None:
            _replica.monitor.stop()

        def reach(address: str) -> Engine:
            # A machine that is gone must not be waited for.
            return db.make_engine(
                address,
                has_pooler=config.has_pooler,
                connect_timeout=int(ANSWER_S),
                tcp_user_timeout=int(ANSWER_S * 1000),
            )

        # Connections of its own: the watch must not wait for requests.
        monitor = ReplicaMonitor(
            reach(config.database_url), reach(url), max_lag_s=config.read_max_lag_s
        )
        engine = reach(url)
        monitor.track(engine)
        monitor.start()
        _replica = _Replica(url, engine, monitor)
        return _replica


def _is_replicas_fault(monitor: ReplicaMonitor, error: DBAPIError) -> bool:
    """Say whether the primary would have answered; a replica that is not there is not asked again.

    A statement that takes too long would take as long on the primary.
    """
    sqlstate = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or sqlstate is None or sqlstate.startswith(FAULTS):
        logger.warning("the read replica failed, asking the primary", exc_info=error)
        monitor.trip("it failed a request")
        return True
    return sqlstate in CONFLICTS
