"""Starting processes that never outlive the one that started them."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1

# Loaded before any fork: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def start_process(
    command: Sequence[str],
    *,
    log: Path | None,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    when_parent_dies: signal.Signals = signal.SIGKILL,
    working_directory: Path | None = None,
    niceness: int = 0,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in its own process group, appending its output to `log`.

    Without a log its output goes where ours goes. `inherited` are file descriptors that stay open
    in it.

    On Linux the kernel sends it `when_parent_dies` as soon as the calling thread ends, however it
    ends; the watchdog does the same elsewhere and for grandchildren.
    """
    with nullcontext() if log is None else log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            cwd=working_directory,
            start_new_session=True,
            pass_fds=inherited,
            preexec_fn=_child_setup(when_parent_dies, niceness),  # noqa: PLW1509 - see below
        )


def _child_setup(death_signal: signal.Signals, niceness: int) -> Callable[[], None]:
    """Return what a child runs after setuid (which clears the death signal) and before exec."""
    libc, parent = _libc, os.getpid()

    def set_up() -> None:
        # Only calls into C and no lock taken: safe although the parent may have threads.
        if niceness:
            os.nice(niceness)
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # the parent died before the setting took hold
                os.kill(os.getpid(), signal.SIGKILL)

    return set_up


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process started here and to all its descendants still in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def is_running(pid: int) -> bool:
    """Tell whether a process with this id exists and has not ended (a zombie has)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0] not in {"Z", "X"}
    return True
