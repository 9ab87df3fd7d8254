"""A second connection with the same snapshot, so that the two legs of a search run side by side.

Worth about 2.5 of 18 ms on an idle machine. Only connections that no request can need are used: a
request that waited for a second one while holding its first could starve all others.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.search.queries.snapshots import export_snapshot, import_snapshot

Found = TypeVar("Found")

MAX_BESIDE = 2
# Connections that work in the background may hold, such as the search log's.
RESERVED = 2

_executor = ThreadPoolExecutor(MAX_BESIDE, thread_name_prefix="beside")
_lock = threading.Lock()
_n_running = 0


def start_beside(session: Session, work: Callable[[Session], Found]) -> Future[Found] | None:
    """Start work on another connection that sees what this transaction sees.

    None if there is no connection to spare: do the work here then. Wait for the result before the
    transaction ends.
    """
    if not _take():
        return None
    try:
        snapshot = export_snapshot(session)
        future = _executor.submit(_run, snapshot, work)
    except BaseException:
        _give_back()
        raise
    return future


def _run(snapshot: str, work: Callable[[Session], Found]) -> Found:
    try:
        with db.reading() as session:
            import_snapshot(session, snapshot)
            return work(session)
    finally:
        _give_back()


def _take() -> bool:
    global _n_running  # noqa: PLW0603 - one count a process is the point
    config = get_config()
    spare = min(MAX_BESIDE, config.pool_size - config.web_threads - RESERVED)
    with _lock:
        if _n_running >= spare:
            return False
        _n_running += 1
        return True


def _give_back() -> None:
    global _n_running  # noqa: PLW0603
    with _lock:
        _n_running -= 1
