"""Processes that an earlier supervisor of this home left behind: waited for, then ended."""

import os
import time
from signal import SIGKILL

import psutil

from embedhub.local.home import Home
from embedhub.local.processes import signal_group

PATIENCE_S = 5.0
# Modules that our children run: a process id may meanwhile belong to somebody else's process.
OUR_MODULES = frozenset({"embedhub.local.web", "celery"})


def clear_left_overs(home: Home) -> None:
    """Return when nothing of the children that the last supervisor noted runs any more.

    They end by themselves within moments of their supervisor. Postgres is not among them: the
    next start waits for it at its data folder.
    """
    state = home.state()
    groups = set(state.children.values()) if state else set()
    deadline = time.monotonic() + PATIENCE_S
    while left := [group for group in groups if has_ours(group)]:
        if time.monotonic() > deadline:
            for group in left:
                signal_group(group, SIGKILL)
        time.sleep(0.05)


def has_ours(group: int) -> bool:
    """Tell whether a process group holds a running child of an embedded default.

    The child that gave the group its number may be gone and one that it started still be there.
    """
    return any(is_ours(pid) for pid in psutil.pids() if group_of(pid) == group)


def group_of(pid: int) -> int | None:
    """Return the process group of a process, None when it is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def is_ours(pid: int) -> bool:
    """Tell whether a process id belongs to a running child of an embedded default."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and not OUR_MODULES.isdisjoint(
            process.cmdline()
        )
    except psutil.Error:
        return False
