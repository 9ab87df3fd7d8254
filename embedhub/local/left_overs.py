"""Processes that an earlier supervisor of this home left behind: waited for, then ended."""

import time
from signal import SIGKILL

import psutil  # type: ignore[import-untyped]

from embedhub.local.home import Home
from embedhub.local.processes import signal_group

PATIENCE_S = 5.0
# Modules that our children run: a process id may meanwhile belong to somebody else's process.
OUR_MODULES = frozenset({"embedhub.local.web", "celery"})


def clear_left_overs(home: Home) -> None:
    """Return when none of the children that the last supervisor noted runs any more.

    They end by themselves within moments of their supervisor. Postgres is not among them: the
    next start waits for it at its data folder.
    """
    state = home.state()
    pids = list(state.children.values()) if state else []
    deadline = time.monotonic() + PATIENCE_S
    while left := [pid for pid in pids if is_ours(pid)]:
        if time.monotonic() > deadline:
            for pid in left:
                signal_group(pid, SIGKILL)
        time.sleep(0.05)


def is_ours(pid: int) -> bool:
    """Tell whether a process id belongs to a running child of an embedded default."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and not OUR_MODULES.isdisjoint(
            process.cmdline()
        )
    except psutil.Error:
        return False
