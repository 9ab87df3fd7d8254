"""Watching a statement that takes long from beside it: how far it is, whom it waits for, its end.

Whoever waits for a transaction of somebody else says so, and gives up after `index_wait_s`.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import NotReady
from embedhub.runs.progress import RunCancelled, RunProgress, RunTakenOver
from embedhub.spaces.build_phases import StepsDone, fraction
from embedhub.spaces.queries import activity
from embedhub.spaces.queries.activity import Activity, Blocker

WATCH_S = 1.0


class StepReport:
    """The progress of a run that goes through steps of known weight over about so many rows."""

    def __init__(self, progress: RunProgress, weights: dict[str, float], rows: int) -> None:
        self._progress = progress
        self._steps = StepsDone(weights)
        self.rows = max(rows, 1)
        self._waiting_since: float | None = None

    def at(
        self, step: str, words: str, within: float = 0.0, waiting_for: str | None = None
    ) -> None:
        """Report that this part of a step is done; raises when the run has to stop."""
        self._progress.describe(words, waiting_for=waiting_for)
        self._progress.report(round(self._steps.at(step, within) * self.rows), self.rows)

    def see(self, step: str, words: str, seen: Activity) -> None:
        """Report what was seen of a step's statement; raises NotReady if it waits for too long."""
        within, doing = 0.0, words
        if seen.build is not None:
            within = fraction(seen.build, rows=self.rows)
            doing = f"{words}: {seen.build.known.words}"
        waiting_for = None if seen.blocker is None else in_words(seen.blocker)
        self.at(step, doing, within, waiting_for)
        if seen.blocker is None:
            self._waiting_since = None
            return
        self._waiting_since = self._waiting_since or time.monotonic()
        limit_s = get_config().index_wait_s
        if time.monotonic() - self._waiting_since > limit_s:
            raise NotReady(
                f"gave up after waiting {_duration(limit_s)} for {waiting_for}; end that"
                " transaction, then start again (EMBEDHUB_INDEX_WAIT_S)"
            )


@contextmanager
def watching(pid: int | None, report: StepReport, step: str, words: str) -> Iterator[None]:
    """Report about the statement that the connection `pid` runs inside the block.

    None: about statements of many connections, as a sign of life, and nothing is cancelled. A run
    that has to stop, or waited for too long, cancels the statement, and its reason is raised.
    """
    done = threading.Event()
    stopped: list[Exception] = []

    def watch() -> None:
        while not done.wait(WATCH_S):
            try:
                report.see(step, words, _look(pid))
            except (RunCancelled, RunTakenOver, NotReady) as reason:
                stopped.append(reason)
                if pid is not None:
                    _cancel(pid)
                return
            except DBAPIError:
                # The statement itself will say what became of the database.
                continue

    report.at(step, words)
    watcher = threading.Thread(target=watch, name="watching", daemon=True)
    watcher.start()
    try:
        yield
    except OperationalError:
        if not stopped:
            raise
    finally:
        done.set()
        watcher.join()
    if stopped:
        raise stopped[0]


def wait_for_builder(index: str, report: StepReport, step: str, words: str) -> None:
    """Wait while the backend of a worker that was killed still builds this index.

    It goes on without its client, and dropping the index would throw away its work.
    """
    while True:
        with db.reading() as session:
            pid = activity.builder_of(session, index)
            if pid is None:
                return
        try:
            report.see(step, words, _look(pid))
        except (RunCancelled, NotReady):
            _cancel(pid)
            raise
        time.sleep(WATCH_S)


def in_words(blocker: Blocker) -> str:
    """Return who is waited for, such as "a transaction of 'psql', open for 3 min (...)"."""
    whose = f"of {blocker.application!r}" if blocker.application else "of a nameless connection"
    since = "" if blocker.open_s is None else f", open for {_duration(blocker.open_s)}"
    state = "" if blocker.state is None else f"{blocker.state}, "
    return f"a transaction {whose}{since} ({state}process {blocker.pid})"


def _look(pid: int | None) -> Activity:
    if pid is None:
        return Activity(None, None)
    with db.reading() as session:
        return activity.activity_of(session, pid)


def _cancel(pid: int) -> None:
    with db.writing() as session:
        activity.cancel_statement(session, pid)


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
