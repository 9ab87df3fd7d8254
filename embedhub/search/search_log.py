"""What was searched, written behind the answer's back: no search waits for its log entry."""

import atexit
import logging
import queue
import threading
import time
from datetime import timedelta

from embedhub import db
from embedhub.config import get_config
from embedhub.search.queries import search_log as queries
from embedhub.search.queries.search_log import LogEntry

logger = logging.getLogger(__name__)

# Entries that wait to be written; more are counted and dropped.
MAX_WAITING = 2_000
BATCH = 200
# How long an entry waits for others, so that a busy server writes many at once.
LINGER_S = 1.0
# How long the end of the process may be held up by entries not yet written.
FLUSH_S = 2.0


class SearchLogWriter:
    """Writes entries in a thread of its own; `n_dropped` tells how many were lost."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self.n_dropped = 0
        self._waiting: queue.Queue[LogEntry] = queue.Queue(max_waiting)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()

    def add(self, entry: LogEntry) -> None:
        """Take an entry without waiting; if too many wait already, it is counted as dropped."""
        try:
            self._waiting.put_nowait(entry)
        except queue.Full:
            self._drop(1, "the queue is full")
            return
        self._start()

    def flush(self, timeout_s: float = FLUSH_S) -> bool:
        """Return whether everything taken so far was written (or dropped) within the time."""
        deadline = time.monotonic() + timeout_s
        self._hurry.set()
        try:
            while self._waiting.unfinished_tasks:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.01)
        finally:
            self._hurry.clear()
        return True

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="search-log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            entries = [self._waiting.get()]
            self._hurry.wait(LINGER_S)
            while len(entries) < BATCH:
                try:
                    entries.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            try:
                with db.writing() as session:
                    queries.insert_entries(session, entries)
            # Whatever is raised while the database goes away or the process ends: the thread has to
            # live on, and the loss has to be counted.
            except Exception:
                logger.warning("search log entries not written", exc_info=True)
                self._drop(len(entries), "the database refused")
            finally:
                for _ in entries:
                    self._waiting.task_done()

    def _drop(self, n: int, reason: str) -> None:
        with self._lock:
            self.n_dropped += n
        facts = {"n": n, "total": self.n_dropped, "reason": reason}
        logger.warning("search log entries dropped: %s", reason, extra=facts)


def forget_old() -> int:
    """Delete entries older than `search_log_days`, in batches; return how many."""
    older_than = timedelta(days=get_config().search_log_days)
    return db.in_batches(
        lambda session, size: queries.delete_entries(session, older_than=older_than, limit=size)
    )


writer = SearchLogWriter()
atexit.register(writer.flush)
