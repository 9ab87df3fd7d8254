"""Several web server processes that accept from one listening socket.

Each has threads, connections and a loaded encoder of its own. Which of them answers a client is
chance; what they must agree on is in the database.
"""

import logging
import signal
import socket
import time
from types import FrameType

from embedhub.config import get_config, override_config, usable_cores
from embedhub.local.children import ChildSpec, here
from embedhub.local.guard import Guard
from embedhub.local.supervised import Supervised

logger = logging.getLogger(__name__)

BEAT_S = 0.2
# A little less than who started us waits before it kills, so that we end our own.
GRACE_S = 9.0
# Each holds an encoder: beyond these, threads and workers use the cores better.
MAX_PROCESSES = 8
CORES_FOR_ONE = 2
BACKLOG = 1024


def process_count() -> int:
    """Return how many processes serve: the configured number, or one for every two cores."""
    configured = get_config().web_processes
    if configured:
        return configured
    return max(1, min(MAX_PROCESSES, usable_cores() // CORES_FOR_ONE))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at the first address of a host."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family, backlog=BACKLOG)


class WebProcesses:
    """The processes behind one listening socket, kept alive until a signal says stop."""

    def __init__(self, listener: socket.socket, n_processes: int) -> None:
        self._listener = listener
        self._guard = Guard()
        self._processes = [
            # At the start the first one answers before it is warm, if only that it is not.
            Supervised(self._spec(number, when_warm=number > 0), None, self._guard)
            for number in range(n_processes)
        ]
        self._is_stopping = False

    def run(self) -> int:
        """Return the exit status: 0 once asked to stop, 1 when not one of them could stay."""
        if not get_config().encoder_threads:
            # Together they have the cores once, not each of them.
            override_config(encoder_threads=max(1, usable_cores() // len(self._processes)))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for process in self._processes:
            process.start()
        # Whoever is started again must be as good as those that are there.
        self._processes[0].spec = self._spec(0, when_warm=True)
        while not self._is_stopping and any(process.process for process in self._processes):
            self._guard.keep_alive()
            for process in self._processes:
                news = process.keep_alive()
                if news:
                    logger.warning(news)
            time.sleep(BEAT_S)
        self._end()
        return 0 if self._is_stopping else 1

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _end(self) -> None:
        # Nobody new waits for an answer that would not come.
        self._listener.close()
        for process in self._processes:
            process.ask_to_stop()
        deadline = time.monotonic() + GRACE_S
        for process in self._processes:
            process.wait(deadline)
        self._guard.close()

    def _spec(self, number: int, *, when_warm: bool) -> ChildSpec:
        descriptor = self._listener.fileno()
        command = ["python", "-m", "embedhub.local.web", "--socket", str(descriptor)]
        if when_warm:
            command.append("--when-warm")
        return ChildSpec(
            f"web process {number + 1}",
            here(tuple(command)),
            grace_s=GRACE_S,
            inherited=(descriptor,),
        )
