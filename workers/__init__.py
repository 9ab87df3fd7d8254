"""The receiving side of Celery, one file a queue: `celery -A workers worker -Q embed -P solo`.

Tasks are doors: each calls one service. Workers run without Django.
"""

from celery import signals

from embedhub import db, jobs

app = jobs.app()
app.conf.beat_schedule = {
    job.value: {"task": job.value, "schedule": every_s, "options": {"expires": every_s}}
    for job, every_s in jobs.timetable().items()
}
app.conf.include = ["workers.embed", "workers.upkeep"]


@signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def forget_connections(**_: object) -> None:
    """A forked process must not share its parent's connections."""
    db.dispose()
