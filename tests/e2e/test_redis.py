"""The queue may live in Redis instead of Postgres: one variable, the same worker."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from embedhub import jobs
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.documents.service import wait_until_indexed
from tests.factories import make_collection, send_texts

PROJECT = Path(__file__).parent.parent.parent
# The fixture of every test records jobs; here they are really sent.
SEND = jobs.send


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis server of our own on a free port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.fixture
def broker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """This process's sending side, pointed at Redis."""
    override_config(broker_url=redis_url)
    jobs.app.cache_clear()
    monkeypatch.setattr(jobs, "send", SEND)
    yield jobs.app()
    override_config(broker_url="")
    jobs.app.cache_clear()


@pytest.mark.slow
def test_a_worker_on_redis_embeds_what_the_web_server_accepts(
    caller: Caller, broker: Celery
) -> None:
    make_collection(caller)
    command = [sys.executable, "-m", "celery", "-A", "workers", "worker", "-Q", "embed"]
    worker = subprocess.Popen(
        [*command, "-P", "solo", "--without-gossip", "--without-mingle"],
        cwd=PROJECT,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        send_texts(caller, ["one fish", "two fish"])
        begun = time.monotonic()
        state = wait_until_indexed(caller, "papers", ["0", "1"], timeout_s=60)
        assert (state.pending, state.dead) == ([], [])
        assert worker.poll() is None
        assert time.monotonic() - begun < 60
    finally:
        worker.terminate()
        worker.wait(timeout=30)
