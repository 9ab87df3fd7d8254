"""The batches of an import on their way into the database, in the order of their lines.

Two that are all new are written at the same time, and committed one after the other. Everything
else waits until the batch before it is committed.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from embedhub.documents.attempts import attempts
from embedhub.documents.back_pressure import refuse_backlog
from embedhub.documents.import_batches import Batch, ReadyBatch
from embedhub.documents.imports import Claim, ImportedLines
from embedhub.documents.service import BULK
from embedhub.documents.upsert import Outcome, try_upsert
from embedhub.encoders import SUPPLIED
from embedhub.errors import NotReady

# A batch that waits to commit holds what it has written: whoever the one before it waits for may in
# turn wait for that, which Postgres cannot see.
COMMIT_PATIENCE_S = 2.0


class OutOfTurn(Exception):
    """A batch was ready to be committed, and the one before it was not for a long time."""


@dataclass(slots=True)
class Fate:
    """What others may wait for about a batch on its way, without keeping it in memory."""

    # whether it may be written beside others, once that is known
    goes_beside: Future[bool] = field(default_factory=Future)
    committed: Future[ImportedLines] = field(default_factory=Future)


@dataclass(slots=True)
class Storing:
    """A batch on its way; `stored_first` are ids that batches before it may not have stored yet."""

    claim: Claim
    ready: ReadyBatch
    prepare: Callable[[Batch], ReadyBatch]
    stored_first: Collection[str]
    fate: Fate = field(default_factory=Fate)

    def look_up(self) -> None:
        """Make the batch ready, and tell whether it may be written beside others."""
        if not self.ready.is_looked_up:
            self.ready.look_up(self.stored_first)
        # What is all new holds nothing that another such batch might wait for. Texts wait for their
        # encoder in the end, and how many do is looked at between two commits.
        is_supplied = self.ready.facts.encoder == SUPPLIED
        self.fate.goes_beside.set_result(is_supplied and self.ready.new is not None)


def store(storing: Storing, before: Fate | None) -> None:
    """Store a batch behind the one before it; its fate tells what became of it."""
    fate = storing.fate
    try:
        fate.committed.set_result(_store_behind(storing, before))
    # Whatever it is, whoever asks for the result must hear of it.
    except BaseException as error:
        if not fate.goes_beside.done():
            fate.goes_beside.set_result(False)
        fate.committed.set_exception(error)


def _store_behind(storing: Storing, before: Fate | None) -> ImportedLines:
    storing.look_up()
    if before is not None:
        if storing.fate.goes_beside.result() and before.goes_beside.result():
            try:
                refuse_backlog()
                return _store_current(storing, before)
            except OutOfTurn:
                pass
        before.committed.result()
    refuse_backlog()
    return _store_current(storing, None)


def _store_current(storing: Storing, before: Fate | None) -> ImportedLines:
    """Store a batch; once more if the collection's filter fields were changed since."""
    try:
        return _store_ready(storing, before)
    except NotReady:
        storing.ready = storing.prepare(storing.ready.batch).look_up(storing.stored_first)
        return _store_ready(storing, before)


def _store_ready(storing: Storing, before: Fate | None) -> ImportedLines:
    ready = storing.ready
    for attempt in attempts():
        if attempt:
            ready.look_up(storing.stored_first)
        part = ImportedLines(
            n_lines=ready.batch.n_lines,
            errors=sorted(ready.errors + ready.refused, key=lambda error: error.line),
            n_bytes=ready.batch.n_bytes,
        )

        def count_in(
            session: Session, outcomes: Sequence[Outcome], part: ImportedLines = part
        ) -> None:
            part.outcomes = list(outcomes)
            if before is not None:
                _await_commit(before)
            storing.claim.record(session, part)

        stored = try_upsert(
            ready.facts, ready.accepted, priority=BULK, new=ready.new, then=count_in
        )
        if stored is not None:
            return part
    raise NotReady("these documents are being changed by others at the same time", retry_after_s=1)


def _await_commit(before: Fate) -> None:
    """Return once the batch before is committed; raises what it ended with, or OutOfTurn."""
    try:
        before.committed.result(COMMIT_PATIENCE_S)
    except TimeoutError:
        if before.committed.done():
            # Not ours: it ended so.
            raise
        raise OutOfTurn from None
