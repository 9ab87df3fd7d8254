"""NDJSON import of any length with bounded memory: a commit every few hundred lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from embedhub.access.caller import Caller
from embedhub.documents.inputs import parse_document
from embedhub.documents.preparation import CollectionFacts, Prepared, prepare
from embedhub.documents.service import BULK, open_for_writing
from embedhub.documents.upsert import Outcome, chunk_changed, upsert
from embedhub.errors import InvalidInput, NotReady, TooLarge

COMMITTED_EVERY = 500
# Of text; with its chunks a batch has to fit into one statement's parameters.
COMMITTED_CHARS = 8_000_000


@dataclass(frozen=True, slots=True)
class LineError:
    """Why one line was not stored; lines count from 1."""

    line: int
    message: str


@dataclass(slots=True)
class ImportedLines:
    """What one commit stored: lines read so far, outcomes, and the lines that were refused."""

    n_lines: int
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)


class _Batch:
    """Lines read and not stored yet."""

    def __init__(self, facts: CollectionFacts) -> None:
        self.facts = facts
        # By external id: the line and what stands there.
        self.documents: dict[str, tuple[int, Prepared]] = {}
        self.errors: list[LineError] = []
        self.n_chars = 0

    def read(self, number: int, line: bytes) -> Prepared | None:
        """Return the document of a line; None if it is refused, which is noted."""
        try:
            raw = orjson.loads(line)
            return prepare(parse_document(raw, "document"), self.facts, "document")
        except orjson.JSONDecodeError as error:
            self.errors.append(LineError(number, f"not valid JSON: {error}"))
        except (InvalidInput, TooLarge) as error:
            self.errors.append(LineError(number, str(error)))
        return None

    def has_room_for(self, prepared: Prepared) -> bool:
        """Say whether the document may wait for the same commit as those before it."""
        return (
            prepared.document.external_id not in self.documents
            and len(self.documents) < COMMITTED_EVERY
            and self.n_chars + len(prepared.document.text) <= COMMITTED_CHARS
        )

    def add(self, number: int, prepared: Prepared) -> None:
        """Let the document wait for the next commit."""
        self.documents[prepared.document.external_id] = (number, prepared)
        self.n_chars += len(prepared.document.text)

    def store(self, n_lines: int) -> ImportedLines:
        """Store what waits and report it; a document of too many chunks is an error of its line."""
        waiting = list(self.documents.values())
        refused = chunk_changed(self.facts, [prepared for _, prepared in waiting])
        errors = self.errors + [
            LineError(waiting[place][0], f"document.text: {error.message}")
            for place, error in refused.items()
        ]
        accepted = [each for place, (_, each) in enumerate(waiting) if place not in refused]
        outcomes = []
        if accepted:
            outcomes = upsert(self.facts, accepted, priority=BULK, field="document")
        return ImportedLines(n_lines, outcomes, sorted(errors, key=lambda error: error.line))


def import_documents(caller: Caller, slug: str, lines: Iterable[bytes]) -> Iterator[ImportedLines]:
    """Store one document a line and report after every commit; blank lines are passed over.

    A line that is refused does not stop the others. Sending everything again is harmless: what is
    stored already is unchanged. If one id comes twice, the later line wins.
    """
    batch = _Batch(open_for_writing(caller, slug))
    number = 0
    for number, line in enumerate(lines, start=1):
        if line.isspace() or not line:
            continue
        prepared = batch.read(number, line)
        if prepared is not None and not batch.has_room_for(prepared):
            yield _store(caller, slug, batch, number - 1)
            batch = _Batch(open_for_writing(caller, slug))
            # Again: the collection's filter fields may be others by now.
            prepared = batch.read(number, line)
        if prepared is not None:
            batch.add(number, prepared)
        elif len(batch.errors) >= COMMITTED_EVERY:
            yield _store(caller, slug, batch, number)
            batch = _Batch(open_for_writing(caller, slug))
    yield _store(caller, slug, batch, number)


def _store(caller: Caller, slug: str, batch: _Batch, n_lines: int) -> ImportedLines:
    """Store a batch; once more if the collection's filter fields were changed since it was read."""
    try:
        return batch.store(n_lines)
    except NotReady:
        batch.facts = open_for_writing(caller, slug)
        for external_id, (number, prepared) in batch.documents.items():
            again = prepare(prepared.document, batch.facts, "document")
            batch.documents[external_id] = (number, again)
        return batch.store(n_lines)
