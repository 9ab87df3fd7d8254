"""Queue `embed`: text to vectors. One process that never forks once an encoder is loaded."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from celery import signals

from embedhub import jobs
from embedhub.config import get_config
from embedhub.encoders import SUPPLIED, get_encoder
from embedhub.errors import HubError
from embedhub.evaluation.measuring import carry_out_evaluation
from embedhub.evaluation.weights import learn_weights
from embedhub.jobs import Job, Queue
from embedhub.runs import service as runs
from embedhub.runs.kinds import RunKind
from embedhub.spaces.ledger import encode_pending
from workers import app

# Well under pgmq's visibility timeout of 30 minutes: a message is never given out twice for time.
BUDGET_S = 600

logger = logging.getLogger(__name__)

_stopping = threading.Event()

# A run that searches by meaning and texts that wait for their vectors take turns of this length.
TURN_S = 5.0


class Turns:
    """Called between two steps of a run: after its turn, texts that wait have one of theirs."""

    def __init__(self, turn_s: float = TURN_S) -> None:
        self.turn_s = turn_s
        self._ends_at = time.monotonic() + turn_s

    def __call__(self) -> None:
        if time.monotonic() < self._ends_at:
            return
        encode_pending(budget_s=self.turn_s, should_stop=_stopping.is_set)
        self._ends_at = time.monotonic() + self.turn_s


WORK: dict[RunKind, Callable[..., dict[str, Any]]] = {
    RunKind.EVALUATE: carry_out_evaluation,
    RunKind.LEARN_WEIGHTS: learn_weights,
}


@signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
def warm_up(**_: object) -> None:
    """The first text need not wait for the default encoder; texts meanwhile wait for this thread.

    Every worker imports this file: only one that takes from the queue `embed` loads an encoder.
    """
    if Queue.EMBED in app.amqp.queues.consume_from:
        threading.Thread(target=load_default_encoder, name="warm-up", daemon=True).start()


def load_default_encoder() -> None:
    """Return when the default encoder is loaded, or has been found not to be."""
    name = get_config().default_encoder
    if name == SUPPLIED:
        return
    try:
        get_encoder(name).encode_documents(["warm up"])
    except HubError as error:
        # Whoever sends texts is told by the ledger; other encoders work all the same.
        logger.warning("encoder not loaded: %s", error)


@signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
def stop_after_batch(**_: object) -> None:
    """A worker asked to stop ends after the batch at hand."""
    _stopping.set()


@app.task(name=Job.EMBED)  # type: ignore[untyped-decorator]
def embed_pending() -> int:
    """Work through the ledger; ring again if the time was not enough."""
    looks = count()

    def should_stop() -> bool:
        # A backlog of hours lets somebody's evaluation go first, but not before a batch is done.
        return _stopping.is_set() or (next(looks) > 0 and runs.is_encoder_wanted())

    leased = encode_pending(budget_s=BUDGET_S, should_stop=should_stop)
    if leased and not _stopping.is_set():
        # Rows may have been entered or come due since the last look.
        jobs.send(Job.EMBED)
    return leased


@app.task(name=Job.ENCODING_RUN)  # type: ignore[untyped-decorator]
def carry_out_encoding_run(run_id: int) -> None:
    """Carry out one run that searches by meaning; a message delivered twice does nothing."""
    kind = runs.kind_of(run_id)
    if kind is not None:
        runs.carry_out(run_id, partial(WORK[kind], between=Turns()))
