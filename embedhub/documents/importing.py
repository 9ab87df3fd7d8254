"""NDJSON import of any length with bounded memory: a commit every few thousand lines at most.

While batches are stored, in threads, the next one is read: the database and this process work at
the same time. What is committed is always the beginning of the stream.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.documents.import_batches import Batch, ReadyBatch, Unread, batches
from embedhub.documents.import_storing import Storing, store
from embedhub.documents.imports import Claim, ImportedLines, claim_import
from embedhub.documents.service import open_for_writing
from embedhub.encoders import SUPPLIED
from embedhub.errors import HubError
from embedhub.spaces.service import grow_outgrown

# Batches of one import that are in memory when the next is read, and those worked on at once. Texts
# are large, and more of them at once would only wait for their encoder.
WITH_VECTORS, WITH_TEXTS = 3, 2
AT_ONCE = 2


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
        under_way: deque[Storing] = deque()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import") as behind:
            for ready in self._ready():
                storing = Storing(
                    claim,
                    ready,
                    prepare=self._prepare,
                    stored_first={each for one in under_way for each in one.ready.batch.documents},
                )
                behind.submit(store, storing, under_way[-1].fate if under_way else None)
                under_way.append(storing)
                most = WITH_VECTORS if ready.facts.encoder == SUPPLIED else WITH_TEXTS
                while len(under_way) >= most:
                    yield under_way.popleft().fate.committed.result()
            while under_way:
                yield under_way.popleft().fate.committed.result()

    def _ready(self) -> Iterator[ReadyBatch]:
        if self._ahead is not None:
            first, self._ahead = self._ahead, None
            if first.batch.forget(self._committed):
                first = self._prepare(first.batch)
            yield first
        for batch in self._batches:
            yield self._prepare(batch)

    def _prepare(self, batch: Batch) -> ReadyBatch:
        # For each batch anew: the collection may be gone, or filter by other fields.
        return batch.prepare(open_for_writing(self.caller, self.slug))


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
