"""NDJSON import of any length with bounded memory: a commit every few thousand lines at most.

While batches are stored, in threads, the next one is read and prepared: the database and this
process work at the same time. What is committed is always the beginning of the stream.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.documents.attempts import attempts
from embedhub.documents.back_pressure import refuse_backlog
from embedhub.documents.import_batches import Batch, ReadyBatch, Unread, batches
from embedhub.documents.imports import Claim, ImportedLines, claim_import
from embedhub.documents.service import BULK, open_for_writing
from embedhub.documents.upsert import Outcome, try_upsert
from embedhub.encoders import SUPPLIED
from embedhub.errors import Busy, HubError, NotReady
from embedhub.spaces.service import grow_outgrown

# Batches of one import that are stored at the same time if they bring their vectors. Other texts
# wait for their encoder in the end, and how many do is looked at between two commits.
STORED_AT_ONCE = 2
# A batch that waits to commit holds what it has stored: whoever the one before it waits for may in
# turn wait for that, which Postgres cannot see.
COMMIT_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Storing:
    """A batch on its way into the database."""

    ready: ReadyBatch
    # as it was when it was made ready
    is_all_new: bool
    stored: Future[ImportedLines]


class _OutOfTurn(Exception):
    """A batch was ready to commit, and the one before it was not for a long time."""


class Importer:
    """One request's part of an import; its first line has the number `from_line`."""

    def __init__(
        self,
        caller: Caller,
        slug: str,
        lines: Iterable[bytes],
        *,
        from_line: int = 1,
        unread: Unread = lambda _: None,
    ) -> None:
        self.caller, self.slug = caller, slug
        self._committed = 0
        self._batches = batches(
            lines, from_line=from_line, committed=lambda: self._committed, unread=unread
        )
        self._ahead: ReadyBatch | None = None

    def read_ahead(self) -> None:
        """Make the first batch ready, for when this part's turn comes; raises NotFound, Forbidden.

        To be called once, before `store_lines`.
        """
        self._ahead = self._prepare(next(self._batches)).look_up()

    def store_lines(self, claim: Claim) -> Iterator[ImportedLines]:
        """Store one document a line and report after every commit; blank lines are passed over.

        Lines up to the last one committed are skipped. Raises Busy between two commits if the
        ledger is too long; what was committed stays.
        """
        self._committed = claim.n_lines
        under_way: deque[_Storing] = deque()
        with ThreadPoolExecutor(STORED_AT_ONCE, thread_name_prefix="import") as behind:
            for ready in self._ready(under_way):
                at_once = STORED_AT_ONCE if ready.facts.encoder == SUPPLIED else 1
                while len(under_way) >= at_once:
                    yield under_way.popleft().stored.result()
                try:
                    refuse_backlog()
                except Busy:
                    yield from _rest(under_way)
                    raise
                before = under_way[-1] if under_way else None
                stored = behind.submit(self._store, claim, ready, before)
                under_way.append(_Storing(ready, ready.new is not None, stored))
            yield from _rest(under_way)

    def _ready(self, under_way: Collection[_Storing]) -> Iterator[ReadyBatch]:
        """Yield what is to be stored, behind what is `under_way` at that moment."""
        if self._ahead is not None:
            first, self._ahead = self._ahead, None
            if first.batch.forget(self._committed):
                first = self._prepare(first.batch).look_up()
            yield first
        for batch in self._batches:
            stored_first = {each for one in under_way for each in one.ready.batch.documents}
            yield self._prepare(batch).look_up(stored_first)

    def _prepare(self, batch: Batch) -> ReadyBatch:
        # For each batch anew: the collection may be gone, or filter by other fields.
        return batch.prepare(open_for_writing(self.caller, self.slug))

    def _store(self, claim: Claim, ready: ReadyBatch, before: _Storing | None) -> ImportedLines:
        """Store a batch after the one before it, as far as possible at the same time."""
        if before is not None:
            # What is all new holds nothing that another such batch might wait for.
            if ready.new is not None and before.is_all_new:
                try:
                    return self._store_current(claim, ready, before)
                except _OutOfTurn:
                    pass
            before.stored.result()
        return self._store_current(claim, ready, None)

    def _store_current(
        self, claim: Claim, ready: ReadyBatch, before: _Storing | None
    ) -> ImportedLines:
        """Store a batch; once more if the collection's filter fields were changed since."""
        try:
            return self._store_ready(claim, ready, before)
        except NotReady:
            return self._store_ready(claim, self._prepare(ready.batch).look_up(), before)

    def _store_ready(
        self, claim: Claim, ready: ReadyBatch, before: _Storing | None
    ) -> ImportedLines:
        for attempt in attempts():
            if attempt:
                ready.look_up()
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
                claim.record(session, part)

            stored = try_upsert(
                ready.facts, ready.accepted, priority=BULK, new=ready.new, then=count_in
            )
            if stored is not None:
                return part
        raise NotReady(
            "these documents are being changed by others at the same time", retry_after_s=1
        )


def _await_commit(before: _Storing) -> None:
    """Return once the batch before is committed; raises what it ended with, or _OutOfTurn."""
    try:
        before.stored.result(COMMIT_PATIENCE_S)
    except TimeoutError:
        if before.stored.done():
            # Not ours: it ended so.
            raise
        raise _OutOfTurn from None


def _rest(under_way: deque[_Storing]) -> Iterator[ImportedLines]:
    while under_way:
        yield under_way.popleft().stored.result()


def import_documents(caller: Caller, slug: str, lines: Iterable[bytes]) -> Iterator[ImportedLines]:
    """Store one document a line as an import of its own and report after every commit.

    A line that is refused does not stop the others. Sending everything again is harmless: what is
    stored already is unchanged. If one id comes twice, the later line wins.
    """
    return send_on(Importer(caller, slug, lines), claim_import(caller, slug))


def send_on(importer: Importer, claim: Claim, *, more: bool = False) -> Iterator[ImportedLines]:
    """Store the next lines of a claimed import and write at the end how it stands.

    With `more` it waits for further lines then. Whatever ends it early is written too.
    """
    shelf_rows, n_lines = get_config().shelf_rows, claim.n_lines
    try:
        for part in importer.store_lines(claim):
            before, n_lines = n_lines, part.n_lines
            if before // shelf_rows < n_lines // shelf_rows:
                # A shelf of its own in time, and most rows need not be moved later.
                grow_outgrown()
            yield part
    except BaseException as error:
        reason = str(error) if isinstance(error, HubError) else "the stream broke off"
        claim.settle("broken", reason)
        raise
    claim.settle("waiting" if more else "finished")
    if not more and n_lines >= shelf_rows:
        # The index was not built while rows came in; now is its time.
        grow_outgrown()
