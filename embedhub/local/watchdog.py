"""Ends a supervisor's processes when the supervisor is gone, however it went.

Run as a script of its own. Its standard input is a pipe that only the supervisor holds: lines
`+ PID SIGNAL` and `- PID` say what to end and how; the end of the pipe says that it is time.
Imports nothing but the standard library, so that it starts at once and stays small.
"""

import os
import signal
import sys
import time
from contextlib import suppress

# How long a process may take to end by itself before it is killed, seconds.
GRACE_S = 60.0


def watch() -> None:
    """Read the supervisor's list until it closes, then end what is left on it."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: dict[int, int] = {}
    for line in sys.stdin:
        match line.split():
            case ["+", pid, number]:
                watched[int(pid)] = int(number)
            case ["-", pid]:
                watched.pop(int(pid), None)
    end_all(watched)


def end_all(watched: dict[int, int]) -> None:
    """Send every group its signal, wait, and kill what stays."""
    for pid, number in watched.items():
        # Postgres tells its own children; a signal to its whole group would upset them.
        _send(pid, number, group=number == signal.SIGKILL)
    may_finish = [pid for pid, number in watched.items() if number != signal.SIGKILL]
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and any(_send(pid, 0, group=False) for pid in may_finish):
        time.sleep(0.1)
    for pid in watched:
        _send(pid, signal.SIGKILL, group=True)


def _send(pid: int, number: int, *, group: bool) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)
        return True
    return False


if __name__ == "__main__":
    watch()
