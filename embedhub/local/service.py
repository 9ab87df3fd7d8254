"""What callers may ask of the one-machine default: start it, start it apart, stop it."""

import os
import subprocess
import time
from contextlib import suppress
from signal import SIGTERM

from embedhub.local import logs
from embedhub.local.children import here
from embedhub.local.cluster import recorded_pid, serves
from embedhub.local.errors import LocalError
from embedhub.local.home import Home, RunningState
from embedhub.local.left_overs import clear_left_overs
from embedhub.local.postgres import PostgresFolder
from embedhub.local.processes import is_running, start_process

READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 120.0


def up_command(home: Home, host: str, port: int) -> tuple[str, ...]:
    """Return the command that runs the service of a home in the foreground."""
    return here(
        (
            *("python", "-m", "embedhub.cli", "up"),
            *("--home", str(home.root), "--host", host, "--port", str(port)),
        )
    )


def start_detached(home: Home, host: str, port: int) -> RunningState:
    """Start the service in the background and return when it is ready.

    Raises LocalError with the reason when it does not start; nothing of it runs then.
    """
    home.refuse_if_locked()
    home.make()
    with home.log("supervisor").open("ab") as output:
        process = subprocess.Popen(
            up_command(home, host, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return _wait_for(home, process, ready=True)


def start_attached(home: Home, host: str, port: int) -> subprocess.Popen[bytes]:
    """Start the service so that it ends with this process, and return when it takes requests.

    Raises LocalError with the reason when it does not start.
    """
    home.refuse_if_locked()
    home.make()
    process = start_process(
        up_command(home, host, port), log=home.log("supervisor"), when_parent_dies=SIGTERM
    )
    _wait_for(home, process, ready=False)
    return process


def _wait_for(home: Home, process: subprocess.Popen[bytes], *, ready: bool) -> RunningState:
    """Return the state of a service just started; one that does not come up is ended again."""
    try:
        return _poll(home, process, ready=ready)
    except BaseException:
        process.terminate()
        process.wait()
        raise


def _poll(home: Home, process: subprocess.Popen[bytes], *, ready: bool) -> RunningState:
    """Return the state once the service takes requests or, if asked for, is ready for all."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        state = home.state()
        ours = state if state is not None and state.pid == process.pid else None
        if ours is not None and (ours.ready or (ours.serving and not ready)):
            return ours
        if process.poll() is not None:
            raise LocalError(logs.last_said(home.log("supervisor")).removeprefix("embedhub: "))
        time.sleep(0.05)
    raise LocalError(f"not ready after {READY_TIMEOUT_S:g} s (logs: {home.logs})")


def stop(home: Home) -> bool:
    """Stop the service of a home and return when all of it is gone; False when none ran."""
    state = home.running()
    if state is not None:
        with suppress(ProcessLookupError):
            os.kill(state.pid, SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while home.is_locked() or is_running(state.pid):
            if time.monotonic() > deadline:
                raise LocalError(f"process {state.pid} does not stop (logs: {home.logs})")
            time.sleep(0.05)
    clear_left_overs(home)
    wait_for_postgres(home)
    return state is not None


def wait_for_postgres(home: Home) -> None:
    """Return when no Postgres runs over the home's data: one whose supervisor was killed."""
    folder = PostgresFolder(home.postgres)
    pid = recorded_pid(folder.pid_file)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while pid is not None and serves(pid, folder.data):
        if time.monotonic() > deadline:
            raise LocalError(f"Postgres (process {pid}) does not stop (logs: {home.logs})")
        time.sleep(0.05)
