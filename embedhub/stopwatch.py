"""Where the time of one request goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the milliseconds of named parts."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what runs inside to a part; a part may come several times."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._parts[name] = self.spent(name) + (time.perf_counter() - started) * 1000

    def spent(self, name: str) -> float:
        """Return the milliseconds of a part so far, 0 of one that never ran."""
        return self._parts.get(name, 0.0)

    @property
    def total(self) -> float:
        """Return the milliseconds since the start."""
        return (time.perf_counter() - self._started) * 1000
