"""The supervisor's side of the watchdog."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from signal import Signals

from embedhub.local import watchdog


class Guard:
    """Keeps a watchdog informed of the processes that must not outlive us."""

    def __init__(self) -> None:
        self._watched: dict[int, Signals] = {}
        self._process = self._start()

    def add(self, pid: int, end_with: Signals) -> None:
        """Have a process ended with this signal when we are gone."""
        self._watched[pid] = end_with
        self._tell(f"+ {pid} {int(end_with)}")

    def remove(self, pid: int) -> None:
        """Forget a process that has ended."""
        if self._watched.pop(pid, None) is not None:
            self._tell(f"- {pid}")

    def keep_alive(self) -> None:
        """Start the watchdog again if somebody ended it."""
        if self._process.poll() is not None:
            self._process = self._start()
            for pid, end_with in self._watched.items():
                self._tell(f"+ {pid} {int(end_with)}")

    def close(self) -> None:
        """Let the watchdog go: everything it watched has ended."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            # A watchdog that is gone is started again, with the whole list, by keep_alive.
            with suppress(OSError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(watchdog.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
