"""A run from the inside: reporting, staying alive, and noticing that it should stop."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from embedhub import db
from embedhub.runs import queries

# More often than this a report is not written.
REPORTED_EVERY_S = 0.3
SIGN_S = 2.0


class RunCancelled(Exception):
    """Somebody asked this run to stop."""


class RunTakenOver(Exception):
    """This run gave no sign of life for too long, and somebody else works on it now."""


class RunProgress:
    """What the work of a run is given; safe to use from a thread that the work starts."""

    def __init__(self, run_id: int, token: uuid.UUID) -> None:
        self.run_id = run_id
        self._token = token
        self._lock = Lock()
        self._written_at = 0.0
        self._done = 0
        self._total: int | None = None
        self._phase: str | None = None
        self._waiting_for: str | None = None

    def describe(self, phase: str, *, waiting_for: str | None = None) -> None:
        """Say in plain words what is done now, and whom it waits for; the next report writes it."""
        with self._lock:
            if (phase, waiting_for) != (self._phase, self._waiting_for):
                self._phase, self._waiting_for = phase, waiting_for
                self._written_at = 0.0

    def foretell(self, forecast: dict[str, Any]) -> None:
        """Write what the work is going to take, for everybody to see beside its progress."""
        with db.writing() as session:
            queries.note_forecast(session, run_id=self.run_id, token=self._token, forecast=forecast)

    def report(self, done: int, total: int | None = None) -> None:
        """Note progress, which is also the sign of life; cheap enough for every batch.

        Raises RunCancelled or RunTakenOver when the work must stop, between two batches. Call it
        more often than `run_heartbeat_s`, and never inside a transaction that has to survive.
        """
        with self._lock:
            self._done, self._total = done, total if total is not None else self._total
            now = time.monotonic()
            if now - self._written_at < REPORTED_EVERY_S:
                return
            self._written_at = now
        self.stay_alive()

    def note(self, done: int, total: int | None = None) -> None:
        """Report without raising: for a thread that only watches. The work's next report raises."""
        with suppress(RunCancelled, RunTakenOver):
            self.report(done, total)

    def stay_alive(self) -> None:
        """Repeat the last report as a sign of life; raises like `report`."""
        with db.writing() as session:
            must_stop = queries.note_progress(
                session,
                run_id=self.run_id,
                token=self._token,
                done=self._done,
                total=self._total,
                phase=self._phase,
                waiting_for=self._waiting_for,
            )
        if must_stop is None:
            raise RunTakenOver(f"run {self.run_id}")
        if must_stop:
            raise RunCancelled(f"run {self.run_id}")


@contextmanager
def signs_of_life(progress: RunProgress, done: int, total: int | None) -> Iterator[None]:
    """Repeat a report while one statement inside the block takes its time; it is not cancelled."""
    has_ended = Event()

    def repeat() -> None:
        while not has_ended.wait(SIGN_S):
            with suppress(SQLAlchemyError):
                progress.note(done, total)

    thread = Thread(target=repeat, name="run-sign-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


@contextmanager
def staying_alive(progress: RunProgress) -> Iterator[None]:
    """Repeat whatever was reported last while long computations inside the block take their time.

    Whether the work must stop is noticed by its own next report.
    """
    has_ended = Event()

    def repeat() -> None:
        while not has_ended.wait(SIGN_S):
            with suppress(SQLAlchemyError, RunCancelled, RunTakenOver):
                progress.stay_alive()

    thread = Thread(target=repeat, name="run-sign-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()
