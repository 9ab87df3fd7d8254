"""Parts of one import, sent over several connections, take their turns."""

import time
from collections.abc import Callable
from functools import lru_cache
from threading import BoundedSemaphore, Condition

from embedhub.config import get_config
from embedhub.errors import Busy

# A part whose turn it is not waits so long for another line of those before it.
TURN_S = 15.0
FIRST_POLL_S, LONGEST_POLL_S = 0.01, 0.1
# Told of in this process at once; what another one stores is looked for now and then.
_progress = Condition()


def await_turn(
    count_committed: Callable[[], int], from_line: int, meanwhile: Callable[[], None]
) -> None:
    """Return when the lines before this one are committed, or after some seconds without them.

    If there is a wait at all, `meanwhile` is carried out once. So the next part of a stream can be
    on its way, and be made ready, while the one before is stored. No connection is held. Raises
    Busy if as many requests wait as may.
    """
    if not _waiting().acquire(blocking=False):
        raise Busy("too many parts of imports wait for those before them", retry_after_s=2)
    try:
        if count_committed() + 1 < from_line:
            meanwhile()
        deadline = time.monotonic() + TURN_S
        pause_s, n_lines = FIRST_POLL_S, -1
        while (found := count_committed()) + 1 < from_line:
            if found > n_lines:
                # While lines come in, there is something to wait for.
                n_lines, deadline = found, time.monotonic() + TURN_S
            if time.monotonic() > deadline:
                return
            with _progress:
                _progress.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_POLL_S)
    finally:
        _waiting().release()


def tell_of_progress() -> None:
    """Wake the parts that wait: one before them has ended."""
    with _progress:
        _progress.notify_all()


@lru_cache(maxsize=1)
def _waiting() -> BoundedSemaphore:
    # Beside imports at work and callers that wait for vectors, a thread must be left to search.
    return BoundedSemaphore(max(1, get_config().web_threads // 4))
