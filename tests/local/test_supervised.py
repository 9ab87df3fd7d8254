"""Children: started again when they crash, ended with all they started, never outliving us."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedhub.local import supervised
from embedhub.local.children import ChildSpec
from embedhub.local.guard import Guard
from embedhub.local.home import Home, RunningState
from embedhub.local.left_overs import clear_left_overs, has_ours
from embedhub.local.logs import cap_sizes, last_said
from embedhub.local.processes import is_running, signal_group
from embedhub.local.supervised import Supervised

# Starts a process of its own, writes both ids, and waits.
WITH_GRANDCHILD = """
import os, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), grandchild.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture
def run(tmp_path: Path, guard: Guard) -> Iterator[Callable[[str], Supervised]]:
    children: list[Supervised] = []

    def start(code: str, grace_s: float = 5) -> Supervised:
        spec = ChildSpec("child", (sys.executable, "-c", code), grace_s)
        child = Supervised(spec, tmp_path / "child.log", guard)
        child.start()
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait(time.monotonic() + 5)


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ids_in(log: Path) -> list[int]:
    wait_for(lambda: log.exists() and "\n" in log.read_text())
    return [int(word) for word in log.read_text().split()]


def log_of(child: Supervised) -> Path:
    assert child.log is not None
    return child.log


def pid_of(child: Supervised) -> int:
    assert child.process is not None
    return child.process.pid


def test_a_crashed_child_comes_back_after_growing_waits(
    run: Callable[[str], Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "FIRST_WAIT_S", 0.05)
    child = run("import sys; sys.exit(3)")
    news: list[str] = []

    def told_thrice() -> bool:
        news.extend(filter(None, [child.keep_alive()]))
        return len(news) == 3

    wait_for(told_thrice)
    assert news == [
        f"child ended with status 3; starting it again in {wait} s"
        for wait in ("0.05", "0.1", "0.2")
    ]


def test_a_child_that_ran_long_starts_again_soon(
    run: Callable[[str], Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "STEADY_S", -1.0)
    child = run("import sys; sys.exit(1)")
    child.crashes = 7
    wait_for(child.keep_alive)
    assert child.crashes == 1


def test_what_a_killed_child_had_started_goes_with_it(run: Callable[[str], Supervised]) -> None:
    child = run(WITH_GRANDCHILD)
    pid, grandchild = ids_in(log_of(child))
    assert pid == pid_of(child)
    child.process.kill()  # type: ignore[union-attr]
    wait_for(child.keep_alive)
    wait_for(lambda: not is_running(grandchild))


def test_a_child_may_finish_what_it_does(run: Callable[[str], Supervised]) -> None:
    child = run(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('finished', flush=True), sys.exit(0)))\n"
        "print('started', flush=True)\n"
        "time.sleep(600)"
    )
    wait_for(lambda: "started" in log_of(child).read_text())
    child.ask_to_stop()
    child.wait(time.monotonic() + 5)
    assert last_said(log_of(child)) == "finished"


def test_a_child_that_does_not_stop_is_killed(run: Callable[[str], Supervised]) -> None:
    child = run(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\n"
        "time.sleep(600)"
    )
    wait_for(lambda: "deaf" in log_of(child).read_text())
    pid = pid_of(child)
    child.ask_to_stop()
    child.wait(time.monotonic() + 0.2)
    assert not is_running(pid)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    script = f"""
    import sys, time
    from pathlib import Path
    from embedhub.local.children import ChildSpec
    from embedhub.local.guard import Guard
    from embedhub.local.supervised import Supervised
    spec = ChildSpec("child", (sys.executable, "-c", {WITH_GRANDCHILD!r}), 5)
    Supervised(spec, Path(sys.argv[1]), Guard()).start()
    time.sleep(600)
    """
    log = tmp_path / "child.log"
    supervisor = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(log)])
    ids = ids_in(log)
    assert all(is_running(pid) for pid in ids)
    supervisor.kill()
    supervisor.wait()
    wait_for(lambda: not any(is_running(pid) for pid in ids))


def test_a_killed_watchdog_is_replaced(guard: Guard, run: Callable[[str], Supervised]) -> None:
    child = run("import time; time.sleep(600)")
    guard._process.kill()
    guard._process.wait()
    guard.keep_alive()
    assert guard._process.poll() is None
    # The new one has the whole list: when it hears no more from us, it ends the child.
    guard.close()
    wait_for(lambda: not is_running(pid_of(child)))


def test_left_overs_are_ended_and_strangers_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedhub.local.left_overs.PATIENCE_S", 0.2)
    home = Home.at(tmp_path)
    sleep = "import time; time.sleep(600)"
    # What a worker had started, alone in its group: nobody supervises it any more.
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}, 'celery'])"
    ours = subprocess.Popen([sys.executable, "-c", start], start_new_session=True)
    ours.wait()
    stranger = subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True)
    try:
        wait_for(lambda: has_ours(ours.pid))
        home.write_state(
            RunningState(1, "http://x", "", children={"embed": ours.pid, "web": stranger.pid})
        )
        clear_left_overs(home)
        assert not has_ours(ours.pid)
        assert stranger.poll() is None
    finally:
        signal_group(ours.pid, signal.SIGKILL)
        stranger.kill()
        stranger.wait()


def test_logs_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedhub.local.logs.MAX_BYTES", 100)
    log = tmp_path / "web.log"
    with log.open("ab") as writer:
        writer.write(b"old\n" * 50)
        writer.flush()
        cap_sizes(tmp_path)
        writer.write(b"new\n")
    assert log.read_text() == "new\n"
    assert (tmp_path / "web.log.1").read_text() == "old\n" * 50
