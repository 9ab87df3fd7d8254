"""Runs the whole service on one machine: Postgres, migrations, web server and workers.

Start, in order: lock the home, Postgres, migrations and the first key, the children. Then keep
all of them alive until a signal says stop. Nothing started here outlives this process, not even
a kill -9 of it.
"""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

from embedhub.config import get_config, override_config
from embedhub.local import logs, prepare
from embedhub.local.children import WEB, local_children
from embedhub.local.errors import LocalError
from embedhub.local.guard import Guard
from embedhub.local.home import Credentials, Home, RunningState
from embedhub.local.left_overs import clear_left_overs
from embedhub.local.network import answers, free_port, web_url
from embedhub.local.postgres import EmbeddedPostgres
from embedhub.local.supervised import Supervised

LIVE_TIMEOUT_S = 120.0
BEAT_S = 0.3
LEASE_S = 60.0

Say = Callable[[str], None]


class Supervisor:
    """The processes of one home, from start to stop."""

    def __init__(self, home: Home, host: str, port: int, say: Say) -> None:
        self.home = home
        self.host = host
        self.port = port
        self.say = say
        self.serving = False
        self.ready = False
        self.guard = Guard()
        self.postgres = EmbeddedPostgres(home.postgres, log=home.log("postgres"))
        self.children: list[Supervised] = []
        self._postgres_again_at = 0.0
        self._written: RunningState | None = None

    def start(self) -> None:
        """Return when the web server answers; raises LocalError with the reason if it does not."""
        clear_left_overs(self.home)
        self.port = free_port(self.host, self.port)
        self.postgres.start()
        self._watch_postgres()
        configure_children(self.home, self.postgres.url)
        prepare.ensure_prepared(self.home, self.postgres.url)
        for spec in local_children(self.host, self.port, self.home.timetable):
            child = Supervised(spec, self.home.log(spec.name), self.guard)
            child.start()
            self.children.append(child)
            self._write_state()
            if spec.name == WEB:
                # The web server first, alone: on two cores it is up in half the time.
                self._wait_until_live(child)
                self.serving = True
        self._write_state()

    def keep_alive(self) -> None:
        """Start again what has ended, note readiness, keep logs small: one beat of the watch."""
        self.guard.keep_alive()
        self._keep_postgres_alive()
        for child in self.children:
            news = child.keep_alive()
            if news:
                self.say(news)
        if not self.ready and answers(self.url, "/v1/health/ready"):
            self.ready = True
            self.say(f"ready at {self.url}")
        self._write_state()
        logs.cap_sizes(self.home.logs)

    def stop(self) -> None:
        """End everything in order: no more requests, then the workers, then the database."""
        for child in self.children:
            child.ask_to_stop()
        now = time.monotonic()
        for child in self.children:
            child.wait(now + child.spec.grace_s)
        if self.postgres.process is not None:
            pid = self.postgres.process.pid
            self.postgres.stop()
            self.guard.remove(pid)
        self.guard.close()
        self.home.forget_state()

    def kill(self) -> None:
        """End everything at once; nothing accepted is lost, the next start recovers."""
        for child in self.children:
            child.kill()
        self.postgres.kill()

    @property
    def url(self) -> str:
        return web_url(self.host, self.port)

    def _keep_postgres_alive(self) -> None:
        status = self.postgres.exit_code()
        if status is None or time.monotonic() < self._postgres_again_at:
            return
        self.say(f"Postgres ended with status {status}; starting it again")
        try:
            self.postgres.launch()
            self._watch_postgres()
        except LocalError as error:
            self.say(str(error))
            self._postgres_again_at = time.monotonic() + 5

    def _watch_postgres(self) -> None:
        if self.postgres.process is not None:
            self.guard.add(self.postgres.process.pid, signal.SIGINT)

    def _wait_until_live(self, web: Supervised) -> None:
        deadline = time.monotonic() + LIVE_TIMEOUT_S
        log = self.home.log(WEB)
        while not answers(self.url, "/v1/health/live"):
            if web.process is None or web.process.poll() is not None:
                raise LocalError(f"the web server did not start: {logs.last_line(log)}")
            if time.monotonic() > deadline:
                raise LocalError(f"the web server does not answer (log: {log})")
            time.sleep(0.05)

    def _write_state(self) -> None:
        running = {c.spec.name: c.process.pid for c in self.children if c.process is not None}
        if self.postgres.process is not None:
            running["postgres"] = self.postgres.process.pid
        state = RunningState(
            *(os.getpid(), self.url, self.postgres.url),
            serving=self.serving,
            ready=self.ready,
            children=running,
        )
        if state != self._written:
            self.home.write_state(state)
            self._written = state


def configure_children(home: Home, database_url: str) -> None:
    """Set what the processes started from now on find in their environment."""
    override_config(
        home=home.root,
        database_url=database_url,
        # The embedded server is reached without a pooler.
        direct_database_url="",
        secret_key=home.secret_key(),
    )
    if "lease_s" not in get_config().model_fields_set:
        # There is one embed worker: nobody else would take its rows while it works on them, so
        # what a killed one had leased need not wait for as long as a slow machine far away may.
        override_config(lease_s=LEASE_S)


class StopRequested(BaseException):
    """A signal came before the service was up."""


class StopSignals:
    """Turns SIGINT, SIGTERM and SIGHUP into an orderly stop, and the second of them into a kill."""

    def __init__(self, force: Callable[[], None]) -> None:
        self.count = 0
        self.starting = True
        self._force = force
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            self._force()
        elif self.starting:
            # Only this way does a start-up that waits for something end at once.
            raise StopRequested


def run(home: Home, host: str, port: int, say: Say, welcome: Callable[[Credentials], None]) -> None:
    """Run the service until a signal stops it; raises LocalError when it cannot start.

    `welcome` is called at the very first start of a home, with what that made.
    """
    with home.locked():
        is_first = home.credentials() is None
        supervisor = Supervisor(home, host, port, say)
        signals = StopSignals(supervisor.kill)
        try:
            supervisor.start()
            signals.starting = False
            say(f"serving at {supervisor.url}")
            if is_first and (credentials := home.credentials()) is not None:
                welcome(credentials)
            while signals.count == 0:
                supervisor.keep_alive()
                time.sleep(BEAT_S)
        except StopRequested:
            pass
        finally:
            signals.starting = False
            say("stopping")
            supervisor.stop()
