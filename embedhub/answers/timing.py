"""Where the time of one answer goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from embedhub.answers.request import AnswerTook


class Timing:
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
            spent = (time.perf_counter() - started) * 1000
            self._parts[name] = self._parts.get(name, 0.0) + spent

    def took(self) -> AnswerTook:
        """Return the parts so far and the time since the start."""
        return AnswerTook(
            search=self._parts.get("search", 0.0),
            read=self._parts.get("read", 0.0),
            encode=self._parts.get("encode", 0.0),
            generate=self._parts.get("generate", 0.0),
            total=(time.perf_counter() - self._started) * 1000,
        )
