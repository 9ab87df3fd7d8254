"""One supervised process: its start, its restarts with growing waits, its end."""

import subprocess
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM

from embedhub.local.children import ChildSpec
from embedhub.local.guard import Guard
from embedhub.local.processes import signal_group, start_process

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
# A process that ran this long has proved that it can: its next crash is its first again.
STEADY_S = 60.0


class Supervised:
    """A child process that is started again whenever it ends unasked."""

    def __init__(self, spec: ChildSpec, log: Path | None, guard: Guard) -> None:
        self.spec = spec
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.crashes = 0
        self._guard = guard
        self._started_at = 0.0
        self._start_again_at = 0.0

    def start(self) -> None:
        self.process = start_process(
            self.spec.command,
            log=self.log,
            niceness=self.spec.niceness,
            inherited=self.spec.inherited,
        )
        self._guard.add(self.process.pid, SIGKILL)
        self._started_at = time.monotonic()

    def keep_alive(self) -> str | None:
        """Start the process again if it ended and its wait is over; return what to tell, if any."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_again_at:
                self.start()
            return None
        status = self.process.poll()
        if status is None:
            return None
        self._bury()
        self.crashes = 1 if now - self._started_at > STEADY_S else self.crashes + 1
        wait = min(FIRST_WAIT_S * 2 ** (self.crashes - 1), LONGEST_WAIT_S)
        self._start_again_at = now + wait
        return f"{self.spec.name} ended with status {status}; starting it again in {wait:g} s"

    def ask_to_stop(self) -> None:
        """Ask the process to finish what it does and end."""
        if self.process is not None and self.process.poll() is None:
            # Only the process itself: it tells those it started in the order it wants.
            self.process.send_signal(SIGTERM)

    def wait(self, deadline: float) -> None:
        """Return when the process has ended; at the deadline it is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            signal_group(self.process.pid, SIGKILL)
            self.process.wait()
        self._bury()

    def kill(self) -> None:
        """End the process and all it started at once."""
        if self.process is not None:
            signal_group(self.process.pid, SIGKILL)

    def _bury(self) -> None:
        """Make sure that nothing of an ended process is left, such as a clock it had started."""
        if self.process is not None:
            signal_group(self.process.pid, SIGKILL)
            self._guard.remove(self.process.pid)
            self.process = None
