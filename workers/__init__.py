"""The receiving side of Celery, one file a queue: `celery -A workers worker -Q embed -P solo`.

Tasks are doors: each calls one service. Workers run without Django.
"""

from celery import signals

from embedhub import db, jobs
from embedhub.config import get_config, override_config

app = jobs.app()
app.conf.beat_schedule = {
    job.value: {"task": job.value, "schedule": every_s, "options": {"expires": every_s}}
    for job, every_s in jobs.timetable().items()
}
app.conf.include = ["workers.embed", "workers.files", "workers.train", "workers.upkeep"]


@signals.worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
def be_patient(**_: object) -> None:
    """Nobody waits for a worker's statements as somebody does for those of a web request."""
    override_config(statement_timeout_s=get_config().worker_statement_timeout_s)
    db.dispose()


@signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def forget_connections(**_: object) -> None:
    """A forked process must not share its parent's connections."""
    db.dispose()
