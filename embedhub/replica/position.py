"""Places in the write-ahead log: how a client names what it has seen, and how late a replica is."""

import math
import re
from collections import deque

from embedhub.errors import InvalidInput

# The header that hands a position to a client and takes it back.
TOKEN_HEADER = "Consistency-Token"  # noqa: S105 - a place in a log, no secret
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")


def parse_position(text: str, field: str = TOKEN_HEADER) -> int:
    """Return a position as a number of bytes; raises InvalidInput for what is none."""
    found = _LSN.fullmatch(text)
    if found is None:
        raise InvalidInput("not a token that this server gave", field)
    return (int(found[1], 16) << 32) + int(found[2], 16)


def format_position(position: int) -> str:
    """Return a position as PostgreSQL writes it, such as 16/B374D848."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


class LagClock:
    """Tells a replica's lag in seconds from where the primary was seen to be, and when.

    Needs neither two clocks that agree nor a primary that writes all the time.
    """

    def __init__(self, kept_s: float) -> None:
        self.kept_s = kept_s
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, primary: int, now: float) -> None:
        """Remember where the primary is now; what is older than `kept_s` is forgotten."""
        self._seen.append((now, primary))
        # One older than needed stays: it says that a position before it is too late.
        while len(self._seen) > 1 and self._seen[1][0] < now - self.kept_s:
            self._seen.popleft()

    def lag(self, replayed: int, now: float) -> float | None:
        """Return an upper bound of the age of what the replica lacks.

        None while it is not known yet, infinity for more than `kept_s`.
        """
        if not self._seen:
            return None
        if replayed >= self._seen[-1][1]:
            return 0.0
        reached = [at for at, primary in self._seen if primary <= replayed]
        if reached:
            return now - reached[-1]
        return math.inf if now - self._seen[0][0] >= self.kept_s else None
