"""`wait=indexed`: how many requests may wait at once, and what they hear."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import BoundedSemaphore

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.documents.service import IndexedState, wait_until_indexed
from embedhub.errors import InvalidInput
from embedhub.replica.service import wait_until_replayed
from embedhub.runs.service import wait_until_ended

DEFAULT_WAIT_S = 30.0
TOO_MANY = "too many requests wait already; ask for the collection's status instead"
NOT_REPLAYED = (
    "all is indexed, the read replica has not replayed it yet: searches that send this answer's"
    " Consistency-Token find it"
)
RELABELLING = "a run still repeats changed metadata in the index; see /v1/runs/{run_id}"
TIME_OVER = "the time limit is over; the rest is indexed as soon as it is encoded"


@dataclass(frozen=True, slots=True)
class DeadDocument:
    """A document whose vector could not be made, and why."""

    external_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Indexing:
    """How far these documents are; a hint says why the answer came before they were indexed."""

    is_indexed: bool
    pending: Sequence[str]
    dead: Sequence[DeadDocument]
    hint: str | None = None


@lru_cache(maxsize=1)
def seats() -> BoundedSemaphore:
    """Return what bounds the waiting requests: half of the web threads stay free to answer."""
    return BoundedSemaphore(max(1, get_config().web_threads // 2))


def check_wait(timeout_s: float | None) -> float:
    """Return how long to wait; raises InvalidInput beyond `max_wait_s`."""
    longest = get_config().max_wait_s
    if timeout_s is None:
        return min(DEFAULT_WAIT_S, longest)
    if not 0 <= timeout_s <= longest:
        raise InvalidInput(f"must be from 0 to {longest:g} seconds", "timeout")
    return timeout_s


def wait(
    caller: Caller,
    slug: str,
    external_ids: Sequence[str],
    timeout_s: float,
    *,
    run_id: int | None = None,
) -> Indexing:
    """Return when searches see these documents as they are, or know them dead.

    `run_id` is waited for, too. Before that at the time limit, and at once if too many requests
    wait already.
    """

    def state_after(timeout_s: float) -> IndexedState:
        return wait_until_indexed(caller, slug, external_ids, timeout_s=timeout_s)

    return wait_for(state_after, external_ids, timeout_s, run_id=run_id)


def wait_for(
    state_after: Callable[[float], IndexedState],
    external_ids: Sequence[str],
    timeout_s: float,
    *,
    run_id: int | None = None,
) -> Indexing:
    """Return how far these are by `state_after`, which waits so many seconds, as `wait` does."""
    has_seat = seats().acquire(blocking=False)
    deadline = time.monotonic() + (timeout_s if has_seat else 0)
    try:
        state = state_after(timeout_s if has_seat else 0)
        late = _late(state, run_id, deadline)
    finally:
        if has_seat:
            seats().release()
    hint = None
    dead = [DeadDocument(external_id, reason) for external_id, reason in state.dead]
    if late is not None:
        gone = {document.external_id for document in dead}
        return Indexing(
            is_indexed=False,
            pending=[external_id for external_id in external_ids if external_id not in gone],
            dead=dead,
            hint=late,
        )
    if state.pending:
        hint = TIME_OVER if has_seat else TOO_MANY
    return Indexing(
        is_indexed=not state.pending and not state.dead,
        pending=state.pending,
        dead=dead,
        hint=hint,
    )


def _late(state: IndexedState, run_id: int | None, deadline: float) -> str | None:
    """Return why searches do not see yet what is indexed; None if they do, or it is not."""
    if state.pending:
        return None
    if run_id is not None and not wait_until_ended(run_id, timeout_s=deadline - time.monotonic()):
        return RELABELLING.format(run_id=run_id)
    if not wait_until_replayed(timeout_s=deadline - time.monotonic()):
        return NOT_REPLAYED
    return None
