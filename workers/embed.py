"""Queue `embed`: text to vectors. One process that never forks once an encoder is loaded."""

import threading

from celery import signals

from embedhub import jobs
from embedhub.jobs import Job
from embedhub.spaces.ledger import encode_pending
from workers import app

# Well under pgmq's visibility timeout of 30 minutes: a message is never given out twice for time.
BUDGET_S = 600

_stopping = threading.Event()


@signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
def stop_after_batch(**_: object) -> None:
    """A worker asked to stop ends after the batch at hand."""
    _stopping.set()


@app.task(name=Job.EMBED)  # type: ignore[untyped-decorator]
def embed_pending() -> int:
    """Work through the ledger; ring again if the time was not enough."""
    leased = encode_pending(budget_s=BUDGET_S, should_stop=_stopping.is_set)
    if leased and not _stopping.is_set():
        # Rows may have been entered or come due since the last look.
        jobs.send(Job.EMBED)
    return leased
