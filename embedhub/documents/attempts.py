"""How often a batch is tried again that others are changing at the same time."""

from collections.abc import Iterator
from random import uniform
from time import sleep

# A document can change between being read and being locked; then it is looked at again, a little
# later each time.
ATTEMPTS, LONGEST_PAUSE_S = 12, 0.2


def attempts() -> Iterator[int]:
    """Yield how often a batch is tried, waiting before each but the first, longer and longer."""
    for attempt in range(ATTEMPTS):
        if attempt:
            # By chance, so that two that are in each other's way part.
            sleep(uniform(0, min(LONGEST_PAUSE_S, 0.01 * 2**attempt)))  # noqa: S311
        yield attempt
