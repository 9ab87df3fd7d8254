"""NDJSON import of any length with bounded memory: a commit every few thousand lines at most.

While one batch is stored, in a thread, the next one is read and prepared: the database and this
process work at the same time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import orjson
from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.documents.all_new import NewBatch
from embedhub.documents.attempts import attempts
from embedhub.documents.back_pressure import refuse_backlog
from embedhub.documents.imports import (
    Claim,
    ImportedLines,
    LineError,
    claim_import,
)
from embedhub.documents.inputs import DocumentInput, decode_vector, parse_document
from embedhub.documents.preparation import CollectionFacts, Prepared, prepare_many
from embedhub.documents.service import BULK, open_for_writing
from embedhub.documents.upsert import Outcome, all_new_of, chunk_changed, try_upsert
from embedhub.errors import HubError, InvalidInput, NotReady, TooLarge
from embedhub.spaces.service import grow_outgrown

# Lines of a commit, and the bytes of what they hold: words cost more than numbers.
COMMITTED_EVERY = 2_000
COMMITTED_BYTES = 4_000_000
BYTES_A_CHARACTER = 4

# Why the n-th line of a stream was passed over unread, None if it was not.
Unread = Callable[[int], str | None]


class _Batch:
    """Lines read and not stored yet."""

    def __init__(self) -> None:
        # By external id: the line and what stands there.
        self.documents: dict[str, tuple[int, DocumentInput]] = {}
        self.errors: list[LineError] = []
        self.n_lines = 0
        self.n_bytes = 0
        self._weight = 0

    def read(self, number: int, line: bytes) -> DocumentInput | None:
        """Return the document of a line; None if it is refused, which is noted."""
        raw: object = None
        try:
            raw = orjson.loads(line)
            return parse_document(raw, "document", decode=decode_vector)
        except orjson.JSONDecodeError as error:
            self.errors.append(LineError(number, f"not valid JSON: {error}"))
        except (InvalidInput, TooLarge) as error:
            self.errors.append(LineError(number, str(error), _id_in(raw)))
        return None

    def has_room_for(self, document: DocumentInput, weight: int) -> bool:
        """Say whether the document may wait for the same commit as those before it."""
        return not self.documents or (
            document.external_id not in self.documents
            and len(self.documents) < COMMITTED_EVERY
            and self._weight + weight <= COMMITTED_BYTES
        )

    def add(self, number: int, document: DocumentInput, weight: int) -> None:
        """Let the document wait for the next commit."""
        self.documents[document.external_id] = (number, document)
        self._weight += weight

    def prepare(self, facts: CollectionFacts) -> "_Ready":
        """Return the lines' documents checked against the collection, and all lines refused."""
        ready = _Ready(facts, errors=list(self.errors))
        waiting = list(self.documents.values())
        checked = prepare_many([each for _, each in waiting], facts, lambda _: "document")
        for (number, document), each in zip(waiting, checked, strict=True):
            if isinstance(each, InvalidInput):
                ready.errors.append(LineError(number, str(each), document.external_id))
            else:
                ready.documents.append((number, each))
        return ready


@dataclass(slots=True)
class _Ready:
    """A batch as it can be stored."""

    facts: CollectionFacts
    errors: list[LineError]
    documents: list[tuple[int, Prepared]] = field(default_factory=list)
    # Below: as last looked up.
    accepted: list[Prepared] = field(default_factory=list)
    refused: list[LineError] = field(default_factory=list)
    new: NewBatch | None = None

    def look_up(self, stored_first: Collection[str] = ()) -> "_Ready":
        """Chunk what is new or changed, and make ready what is all new; to be done again if stale.

        `stored_first` are ids that a batch not stored yet holds as well.
        """
        too_large = chunk_changed(self.facts, [each for _, each in self.documents])
        self.refused = [
            LineError(number, f"document.text: {too_large[place].message}", _id_of(each))
            for place, (number, each) in enumerate(self.documents)
            if place in too_large
        ]
        self.accepted = [
            each for place, (_, each) in enumerate(self.documents) if place not in too_large
        ]
        for each in self.accepted:
            each.is_known |= _id_of(each) in stored_first
        self.new = all_new_of(self.facts, self.accepted)
        return self


class Importer:
    """One request's part of an import."""

    def __init__(self, caller: Caller, slug: str, claim: Claim) -> None:
        self.caller, self.slug, self.claim = caller, slug, claim

    def store_lines(
        self, lines: Iterable[bytes], *, from_line: int = 1, unread: Unread = lambda _: None
    ) -> Iterator[ImportedLines]:
        """Store one document a line and report after every commit; blank lines are passed over.

        Lines up to the last one committed are skipped. Raises Busy between two commits if the
        ledger is too long; what was committed stays.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="import") as behind:
            storing: Future[ImportedLines] | None = None
            before: Collection[str] = ()
            for batch in self._batches(lines, from_line, unread):
                ready = self._prepare(batch).look_up(before)
                before = batch.documents.keys()
                if storing is not None:
                    yield storing.result()
                    refuse_backlog()
                storing = behind.submit(self._store, batch, ready)
            if storing is not None:
                yield storing.result()

    def _batches(self, lines: Iterable[bytes], from_line: int, unread: Unread) -> Iterator[_Batch]:
        batch = _Batch()
        batch.n_lines = self.claim.n_lines
        for place, line in enumerate(lines, start=1):
            number = from_line + place - 1
            if number <= self.claim.n_lines:
                continue
            document = None
            if reason := unread(place):
                batch.errors.append(LineError(number, reason))
            elif line and not line.isspace():
                document = batch.read(number, line)
            if document is not None:
                weight = _weight(document)
                if not batch.has_room_for(document, weight):
                    yield batch
                    batch = _Batch()
                batch.add(number, document, weight)
            batch.n_lines, batch.n_bytes = number, batch.n_bytes + len(line) + 1
            if len(batch.errors) >= COMMITTED_EVERY:
                yield batch
                batch = _Batch()
                batch.n_lines = number
        yield batch

    def _prepare(self, batch: _Batch) -> _Ready:
        # For each batch anew: the collection may be gone, or filter by other fields.
        return batch.prepare(open_for_writing(self.caller, self.slug))

    def _store(self, batch: _Batch, ready: _Ready) -> ImportedLines:
        """Store a batch; once more if the collection's filter fields were changed since."""
        try:
            return self._store_ready(batch, ready)
        except NotReady:
            return self._store_ready(batch, self._prepare(batch).look_up())

    def _store_ready(self, batch: _Batch, ready: _Ready) -> ImportedLines:
        for attempt in attempts():
            if attempt:
                ready.look_up()
            part = ImportedLines(
                n_lines=batch.n_lines,
                errors=sorted(ready.errors + ready.refused, key=lambda error: error.line),
                n_bytes=batch.n_bytes,
            )

            def count_in(
                session: Session, outcomes: Sequence[Outcome], part: ImportedLines = part
            ) -> None:
                part.outcomes = list(outcomes)
                self.claim.record(session, part)

            stored = try_upsert(
                ready.facts, ready.accepted, priority=BULK, new=ready.new, then=count_in
            )
            if stored is not None:
                return part
        raise NotReady(
            "these documents are being changed by others at the same time", retry_after_s=1
        )


def import_documents(caller: Caller, slug: str, lines: Iterable[bytes]) -> Iterator[ImportedLines]:
    """Store one document a line as an import of its own and report after every commit.

    A line that is refused does not stop the others. Sending everything again is harmless: what is
    stored already is unchanged. If one id comes twice, the later line wins.
    """
    return send_on(caller, slug, claim_import(caller, slug), lines)


def send_on(
    caller: Caller,
    slug: str,
    claim: Claim,
    lines: Iterable[bytes],
    *,
    from_line: int = 1,
    more: bool = False,
    unread: Unread = lambda _: None,
) -> Iterator[ImportedLines]:
    """Store the next lines of a claimed import and write at the end how it stands.

    With `more` it waits for further lines then. Whatever ends it early is written too.
    """
    importer = Importer(caller, slug, claim)
    shelf_rows, n_lines = get_config().shelf_rows, claim.n_lines
    try:
        for part in importer.store_lines(lines, from_line=from_line, unread=unread):
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


def _weight(document: DocumentInput) -> int:
    n_bytes = 0 if document.vector is None else document.vector.nbytes
    # A line of nothing but metadata or principals may be as long as a body.
    beside = orjson.dumps([document.title, document.url, document.metadata, document.access])
    return n_bytes + BYTES_A_CHARACTER * (len(document.text) + len(beside))


def _id_of(prepared: Prepared) -> str:
    return prepared.document.external_id


def _id_in(raw: object) -> str | None:
    """Return the id that a refused line names, so that its sender finds it again."""
    found = raw.get("external_id") if isinstance(raw, dict) else None
    if not isinstance(found, str) or "\x00" in found:
        return None
    return found.encode(errors="ignore").decode()[:512]
