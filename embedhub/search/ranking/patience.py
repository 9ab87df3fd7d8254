"""Rerankers that fail again and again are left alone for a while: each failure costs its budget.

Kept by each process for itself; safe for several threads.
"""

import time
from collections.abc import Callable
from threading import Lock

MAX_FAILURES = 3
REST_S = 10.0


class Patience:
    """Counts failures in a row by name, and says whether to ask again yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failures: dict[str, int] = {}
        self._resting: dict[str, float] = {}

    def is_over(self, name: str) -> bool:
        """Return whether it failed too often just now; after a rest one may ask again."""
        return self._clock() < self._resting.get(name, 0.0)

    def note(self, name: str, *, has_failed: bool) -> None:
        """Count what came of asking."""
        with self._lock:
            failures = self._failures.get(name, 0) + 1 if has_failed else 0
            self._failures[name] = failures
            if failures >= MAX_FAILURES:
                self._resting[name] = self._clock() + REST_S
            else:
                self._resting.pop(name, None)
