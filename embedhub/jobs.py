"""Job names, their queues, and the sending side of Celery.

A job is only a doorbell: the state of the work is in Postgres, so a lost message costs minutes
(a timer rings again) and a message delivered twice costs nothing.
"""

import logging
from enum import StrEnum
from functools import lru_cache

from celery import Celery
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config

logger = logging.getLogger(__name__)


class Queue(StrEnum):
    """One kind of worker each."""

    EMBED = "embed"
    FILES = "files"
    TRAIN = "train"
    UPKEEP = "upkeep"


class Job(StrEnum):
    """Every job; the part before the dot is its queue."""

    EMBED = "embed.pending"
    ENCODING_RUN = "embed.run"
    READING_RUN = "files.run"
    TRAINING_RUN = "train.run"
    SWEEP = "upkeep.sweep"
    FOLD = "upkeep.fold"
    RUN = "upkeep.run"
    RETENTION = "upkeep.retention"
    PREWARM = "upkeep.prewarm"
    RECALL = "upkeep.recall"
    RECOMMENDERS = "upkeep.recommenders"
    PLACE_ITEMS = "upkeep.place_items"
    FOLLOW = "upkeep.follow"
    DELIVER = "upkeep.deliver"

    @property
    def queue(self) -> Queue:
        """Return the queue whose workers carry this job out."""
        return Queue(self.value.partition(".")[0])


def timetable() -> dict[Job, float]:
    """Return how often the clock itself asks for a job, in seconds."""
    config = get_config()
    asked: dict[Job, float] = {Job.SWEEP: config.sweep_s, Job.FOLD: 60, Job.RETENTION: 3600}
    asked[Job.RECOMMENDERS] = config.training_check_s
    return asked | ({Job.RECALL: config.recall_s} if config.recall_s else {})


def broker_options(broker_url: str) -> dict[str, object]:
    """Return the transport options the broker of this URL needs."""
    if not broker_url.startswith("pgmq:"):
        return {}
    return {
        "conn_string": pgmq_conninfo(get_config().session_url),
        # The SQL of pgmq is installed by a migration: no extension has to be there.
        "init_extension": False,
        "use_notify": True,
        # A long poll keeps a transaction open that whoever declares the queue has to wait for, and
        # then everybody who sends. A worker waits for the notification instead, outside of one.
        "wait_time_seconds": 0,
        "notify_throttle_interval_ms": 0,
        "pool_size": 4,
        # A request that rings while the database restarts must not hang: the timer rings too.
        "pool_timeout": 5,
    }


def pgmq_conninfo(database_url: str) -> str:
    """Return the connection string that pgmq's client turns into the connection of a libpq URL.

    The client reads five fields, from a URL not even a socket's folder, and joins them unquoted.
    So the fields are quoted beforehand, and other options (sslmode) ride on the last of them.
    """
    fields = {name: str(value) for name, value in conninfo_to_dict(database_url).items() if value}
    quoted = {name: make_conninfo("", **{name: v}).partition("=")[2] for name, v in fields.items()}
    known = ("host", "port", "dbname", "user", "password")
    rest = [f"{name}={value}" for name, value in quoted.items() if name not in known]
    kept = {name: value for name, value in quoted.items() if name in known}
    if rest:
        kept["password"] = " ".join([kept.get("password", "''"), *rest])
    return make_conninfo("", **kept)


@lru_cache(maxsize=1)
def app() -> Celery:
    """Return the process's Celery app."""
    broker_url = get_config().broker_url or "pgmq://"
    # Where DJANGO_SETTINGS_MODULE is set, Celery's fix-up would bring Django up in a worker.
    celery = Celery("embedhub", broker=broker_url, set_as_current=False, fixups=set())
    celery.conf.update(
        broker_transport_options=broker_options(broker_url),
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_acks_late=True,
        task_default_queue=Queue.UPKEEP.value,
        task_routes={job.value: {"queue": job.queue.value} for job in Job},
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        timezone="UTC",
    )
    return celery


def enqueue(session: Session, job: Job, **arguments: object) -> None:
    """Ask for a job; it is sent once this session's transaction has committed, never before."""
    asked: set[tuple[str, str]] = session.info.setdefault("jobs", set())
    fingerprint = (job.value, repr(sorted(arguments.items())))
    if fingerprint not in asked:
        asked.add(fingerprint)
        db.after_commit(session).append(lambda: send(job, **arguments))


def send(job: Job, **arguments: object) -> None:
    """Send a job now; a message that cannot be sent is logged, because a timer rings again."""
    try:
        # Not declaring the queue each time: that locks it against the worker that reads it.
        app().send_task(job.value, kwargs=arguments, ignore_result=True, declare=[])
    except Exception:  # the rows are committed; a doorbell must never fail its caller
        logger.warning("job not sent, the timer will ring", extra={"job": job.value}, exc_info=True)


def declare_queues() -> None:
    """Make the queues in Postgres, so that jobs are kept before a worker has ever run."""
    if not str(app().conf.broker_url).startswith("pgmq:"):
        return
    with app().connection_for_write() as connection:
        for queue in Queue:
            app().amqp.queues[queue.value](connection.default_channel).declare()
