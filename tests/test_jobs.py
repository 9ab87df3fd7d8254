"""Jobs are doorbells: sent after the commit, to the database that the URL names, or not at all."""

import pytest
from celery import Celery
from pgmq.base import PGMQConfig
from psycopg.conninfo import conninfo_to_dict

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.jobs import pgmq_conninfo

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
