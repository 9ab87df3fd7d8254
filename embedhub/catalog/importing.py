"""Imports of items, users and interactions: streams of lines of any length into a catalog.

While one batch is stored, in a thread, the next one is read: the database and this process work at
the same time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import cast

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.events import Taken, take
from embedhub.catalog.inputs import InteractionInput, ItemInput, UserInput
from embedhub.catalog.lines import Batch, Facts, Kind, StoredLines, Unread, batches
from embedhub.catalog.service import find_catalog
from embedhub.catalog.storing import BULK, open_catalog, store_items, store_users
from embedhub.config import get_config
from embedhub.documents import streams
from embedhub.documents.back_pressure import refuse_backlog
from embedhub.documents.streams import Claim, Find, ImportView, LineError, Target
from embedhub.errors import HubError
from embedhub.spaces.service import grow_outgrown
from embedhub.tables import Catalog

__all__ = [
    "Kind",
    "StoredLines",
    "cancel_import",
    "claim_import",
    "create_import",
    "get_import",
    "import_lines",
    "list_imports",
    "refused_lines",
    "send_on",
    "some_refused_lines",
]


def create_import(caller: Caller, slug: str, kind: Kind) -> ImportView:
    """Create an import that waits for its lines: its id is known before anything can break."""
    caller.require_writing()
    return streams.create(_into(caller, slug, kind))


def claim_import(
    caller: Caller, slug: str, kind: Kind, *, import_id: int | None = None, from_line: int = 1
) -> Claim:
    """Begin an import, or go on with one at a line that follows what is committed or repeats it.

    Raises InvalidInput if lines would be missing or are of another kind, Busy if as many imports
    run as may, Conflict for one that was cancelled.
    """
    caller.require_writing()
    return streams.claim(_into(caller, slug, kind), import_id=import_id, from_line=from_line)


def cancel_import(caller: Caller, slug: str, import_id: int) -> ImportView:
    """End an import: who sends its lines is refused from the next commit on; what is stored stays.

    Raises NotFound, Conflict if it has finished.
    """
    caller.require_writing()
    return streams.cancel(_into(caller, slug), import_id)


def get_import(caller: Caller, slug: str, import_id: int) -> ImportView:
    """Return how far an import is; raises NotFound."""
    return streams.get(_into(caller, slug), import_id)


def list_imports(
    caller: Caller, slug: str, *, before: int | None = None, limit: int = 100
) -> list[ImportView]:
    """Return imports into a catalog, the newest first; raises NotFound."""
    return streams.newest(_into(caller, slug), before=before, limit=limit)


def some_refused_lines(
    caller: Caller, slug: str, import_id: int, *, after: int, limit: int
) -> list[LineError]:
    """Return a page of an import's refused lines past a line; raises NotFound."""
    return streams.some_refused(_into(caller, slug), import_id, after=after, limit=limit)


def refused_lines(caller: Caller, slug: str, import_id: int) -> Iterator[Sequence[LineError]]:
    """Return the refused lines of an import page by page; raises NotFound at once."""
    return streams.refused(_into(caller, slug), import_id)


def import_lines(
    caller: Caller, slug: str, kind: Kind, lines: Iterable[bytes]
) -> Iterator[StoredLines]:
    """Store one row a line as an import of its own and report after every commit."""
    return send_on(caller, slug, kind, claim_import(caller, slug, kind), lines)


def send_on(
    caller: Caller,
    slug: str,
    kind: Kind,
    claim: Claim,
    lines: Iterable[bytes],
    *,
    from_line: int = 1,
    more: bool = False,
    unread: Unread = lambda _: None,
) -> Iterator[StoredLines]:
    """Store the next lines of a claimed import and report after every commit.

    A line that is refused does not stop the others. Sending everything again is harmless: what is
    stored already is unchanged. If one id comes twice, the later line wins. With `more` the import
    waits for further lines at the end. Whatever ends it early is written too.
    """
    importer = _Importer(caller, slug, kind, claim)
    n_lines = claim.n_lines
    try:
        for part in importer.store_lines(lines, from_line=from_line, unread=unread):
            n_lines = part.n_lines
            yield part
    except BaseException as error:
        reason = str(error) if isinstance(error, HubError) else "the stream broke off"
        claim.settle("broken", reason)
        raise
    claim.settle("waiting" if more else "finished")
    if not more and kind is not Kind.INTERACTIONS and n_lines >= get_config().shelf_rows:
        # The index was not built while rows came in; now is its time.
        grow_outgrown()


class _Importer:
    """One request's part of an import."""

    def __init__(self, caller: Caller, slug: str, kind: Kind, claim: Claim) -> None:
        self.caller, self.slug, self.kind, self.claim = caller, slug, kind, claim

    def store_lines(
        self, lines: Iterable[bytes], *, from_line: int, unread: Unread
    ) -> Iterator[StoredLines]:
        """Store lines and report after every commit; lines committed before are skipped.

        Raises Busy between two commits if the ledger is too long; what was committed stays.
        """
        found = batches(
            self.kind,
            lines,
            self._facts,
            from_line=from_line,
            committed=self.claim.n_lines,
            unread=unread,
        )
        with ThreadPoolExecutor(1, thread_name_prefix="import") as behind:
            storing: Future[StoredLines] | None = None
            for batch in found:
                if storing is not None:
                    yield storing.result()
                    refuse_backlog()
                storing = behind.submit(self._store, batch)
            if storing is not None:
                yield storing.result()

    def _facts(self) -> Facts:
        # For each batch anew: the catalog may be gone, or weigh other types.
        with db.reading() as session:
            catalog = find_catalog(session, self.caller, self.slug)
            return Facts(
                catalog.content_template,
                catalog.filterable,
                catalog.interaction_weights,
                datetime.now(UTC),
            )

    def _store(self, batch: Batch) -> StoredLines:
        def store() -> StoredLines:
            part = StoredLines(batch.n_lines, batch.n_bytes, errors=list(batch.errors))
            with db.writing() as session:
                _STORE[self.kind](session, self._open(session), batch, part)
                part.errors.sort(key=lambda error: error.line)
                self.claim.record(session, part)
            return part

        return db.retry_deadlocks(store)

    def _open(self, session: Session) -> Catalog:
        if self.kind is Kind.INTERACTIONS:
            return find_catalog(session, self.caller, self.slug)
        return open_catalog(session, self.caller, self.slug)


def _store_items(session: Session, catalog: Catalog, batch: Batch, part: StoredLines) -> None:
    items = [cast("ItemInput", row) for _, row in batch.rows]
    # A template can be changed as long as there are no items.
    contents = batch.contents if batch.template == catalog.content_template else None
    stored = store_items(session, catalog, items, contents=contents, priority=BULK)
    part.counts = Counter(outcome.value for _, outcome in stored.outcomes)


def _store_users(session: Session, catalog: Catalog, batch: Batch, part: StoredLines) -> None:
    users = [cast("UserInput", row) for _, row in batch.rows]
    stored = store_users(session, catalog, users, priority=BULK)
    part.counts = Counter(outcome.value for _, outcome in stored.outcomes)


def _store_interactions(
    session: Session, catalog: Catalog, batch: Batch, part: StoredLines
) -> None:
    sent = [cast("InteractionInput", row) for _, row in batch.rows]
    for (number, _), each, event in zip(
        batch.rows, take(session, catalog, sent), sent, strict=True
    ):
        if each.outcome is Taken.REJECTED:
            part.errors.append(LineError(number, each.reason or "rejected", event.user))
        else:
            part.counts[each.outcome.value] += 1


_STORE = {
    Kind.ITEMS: _store_items,
    Kind.USERS: _store_users,
    Kind.INTERACTIONS: _store_interactions,
}


def _into(caller: Caller, slug: str, kind: Kind = Kind.ITEMS) -> Find:
    def find(session: Session) -> Target:
        catalog = find_catalog(session, caller, slug)
        return Target(workspace_id=caller.workspace_id, catalog_id=catalog.id, kind=kind.value)

    return find
