"""Jobs are doorbells: sent after the commit, to the database that the URL names, or not at all."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from celery import Celery
from kombu import Message
from pgmq.base import PGMQConfig
from psycopg.conninfo import conninfo_to_dict

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.documents.service import wait_until_indexed
from embedhub.jobs import pgmq_conninfo
from tests.factories import make_collection, send_texts

PROJECT = Path(__file__).parent.parent
# Every test records jobs instead of sending them; one here wants the real thing.
SEND = jobs.send


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@/embedhub?host=/home/me/my%20hub/socket&port=5432",
        "postgresql://u:p%40ss%20w%27rd@db.example.org:6432/hub?sslmode=require&application_name=a%20b",
        "postgresql://u:p@127.0.0.1:5432/hub",
        "postgresql://u@db.example.org:5432/hub?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem",
    ],
)
def test_pgmq_connects_where_the_url_says(url: str) -> None:
    wanted = conninfo_to_dict(url)
    found = conninfo_to_dict(PGMQConfig(conn_string=pgmq_conninfo(url)).dsn)
    if "password" not in wanted:
        # The client fills in a password of its own; a server that asks for none ignores it.
        found.pop("password", None)
    assert found == wanted


def test_a_job_is_sent_after_the_commit_and_once(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    with db.writing() as session:
        for _ in range(2):
            jobs.enqueue(session, jobs.Job.RUN, run_id=7)
        assert sent_jobs == []
    assert sent_jobs == [(jobs.Job.RUN, {"run_id": 7})]


def test_a_unit_of_work_that_fails_sends_nothing(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    def fail() -> None:
        with db.writing() as session:
            jobs.enqueue(session, jobs.Job.EMBED)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert sent_jobs == []


def test_a_broker_that_is_away_fails_no_request(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = Celery("test", broker="pgmq://", set_as_current=False)
    options = jobs.broker_options("pgmq://") | {
        "conn_string": "host=127.0.0.1 port=1 dbname=x user=x",
        "pool_timeout": 0.5,
    }
    unreachable.conf.broker_transport_options = options
    monkeypatch.setattr(jobs, "app", lambda: unreachable)
    SEND(jobs.Job.EMBED)
    assert "the timer will ring" in caplog.text


@pytest.fixture
def broker(database: str) -> Iterator[Celery]:
    """The sending side as the web server has it: its queues are in the test's Postgres."""
    jobs.app.cache_clear()
    jobs.declare_queues()
    yield jobs.app()
    jobs.app().close()
    jobs.app.cache_clear()


def consume(celery: Celery, received: list[object], is_enough: threading.Event) -> None:
    """Read one queue as a worker does, until told to stop."""
    queue = celery.amqp.queues[jobs.Queue.UPKEEP.value]

    def take(body: list[object], message: Message) -> None:
        received.append(body[1])
        message.ack()

    with (
        celery.connection_for_read() as connection,
        connection.Consumer([queue], callbacks=[take]),
    ):
        while not is_enough.is_set():
            with suppress(TimeoutError):
                connection.drain_events(timeout=2)


def test_many_threads_send_while_a_worker_reads(
    broker: Celery, caplog: pytest.LogCaptureFixture
) -> None:
    received: list[object] = []
    is_enough = threading.Event()
    worker = threading.Thread(target=consume, args=(broker, received, is_enough))
    worker.start()
    try:
        time.sleep(1)  # the worker is waiting by now
        begun = time.monotonic()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda n: SEND(jobs.Job.RUN, run_id=n), range(24)))
        sent_s = time.monotonic() - begun
        while len(received) < 24 and time.monotonic() - begun < 10:
            time.sleep(0.05)
        received_s = time.monotonic() - begun
    finally:
        is_enough.set()
        worker.join()
    assert "job not sent" not in caplog.text
    assert sorted(one["run_id"] for one in received if isinstance(one, dict)) == [*range(24)]
    # Seconds each when every connection declared the queue that the worker was reading.
    assert sent_s < 3
    assert received_s < 4


@pytest.mark.slow
def test_a_waiting_worker_is_woken_at_once(
    caller: Caller, broker: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_collection(caller)
    monkeypatch.setattr(jobs, "send", SEND)
    command = [sys.executable, "-m", "celery", "-A", "workers", "worker", "-Q", "embed"]
    worker = subprocess.Popen(
        [*command, "-P", "solo", "--without-gossip", "--without-mingle"],
        cwd=PROJECT,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        waits = []
        for text in ("while it starts", "one fish", "two fish", "red fish"):
            send_texts(caller, [text])
            begun = time.monotonic()
            state = wait_until_indexed(caller, "papers", ["0"], timeout_s=30)
            assert (state.pending, state.dead) == ([], [])
            waits.append(time.monotonic() - begun)
        # No timer is running here: what was sent before the worker was there has been kept.
        assert statistics.median(waits[1:]) < 2
    finally:
        worker.terminate()
        worker.wait(timeout=30)


def test_a_queue_that_does_not_exist_fails_no_request(
    broker: Celery, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(broker.conf.task_routes, jobs.Job.FOLD.value, {"queue": "nowhere"})
    SEND(jobs.Job.FOLD)
    assert "the timer will ring" in caplog.text
