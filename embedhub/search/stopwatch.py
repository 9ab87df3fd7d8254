"""Where the time of one search goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from embedhub.search.request import Took


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
            spent = (time.perf_counter() - started) * 1000
            self._parts[name] = self._parts.get(name, 0.0) + spent

    def took(self) -> Took:
        """Return the parts so far and the time since the start."""
        return Took(
            encode=self._parts.get("encode", 0.0),
            dense=self._parts.get("dense", 0.0),
            lexical=self._parts.get("lexical", 0.0),
            rerank=self._parts.get("rerank", 0.0),
            hydrate=self._parts.get("hydrate", 0.0),
            highlight=self._parts.get("highlight", 0.0),
            total=(time.perf_counter() - self._started) * 1000,
        )
