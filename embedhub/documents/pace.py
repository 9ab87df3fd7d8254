"""A run that asks for vectors waits for them: what it stores stays within reach of the encoders."""

import time
from collections.abc import Callable

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.runs.progress import RunProgress
from embedhub.spaces import service as spaces

POLL_S, LOOK_AFTER_S = 0.5, 10.0


class Pace:
    """Counts what still waits for its vectors, and lets a run go on when that is little enough."""

    def __init__(self, progress: RunProgress, count: Callable[[Session], int]) -> None:
        self._progress = progress
        self._count = count
        self._looked_at = time.monotonic()

    def wait(self, *, at_most: int, report: Callable[[int], None]) -> None:
        """Return when no more than that wait; `report` is told how many at every look."""
        while True:
            with db.reading() as session:
                waiting = self._count(session)
            report(waiting)
            if waiting <= at_most:
                return
            self._progress.describe("encoding new passages")
            self._look_after_ledger()
            time.sleep(POLL_S)

    def _look_after_ledger(self) -> None:
        # Runs wait in the threads that the clock's own upkeep needs.
        if time.monotonic() - self._looked_at > LOOK_AFTER_S:
            self._looked_at = time.monotonic()
            spaces.ring_for_due()
            spaces.bury_crashed()
            spaces.flip_overdue()
