"""The lines of an import in batches, each to be stored by one commit: read, checked, made ready.

Nothing here holds a lock; what it looks up may be stale when it is stored, and is looked up again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from embedhub.documents.all_new import NewBatch
from embedhub.documents.imports import LineError
from embedhub.documents.inputs import DocumentInput, decode_vector, parse_document
from embedhub.documents.preparation import CollectionFacts, Prepared, prepare_many
from embedhub.documents.upsert import all_new_of, chunk_changed
from embedhub.errors import InvalidInput, TooLarge

# Lines of a commit, and the bytes of what they hold: words cost more than numbers.
COMMITTED_EVERY = 2_000
COMMITTED_BYTES = 4_000_000
BYTES_A_CHARACTER = 4

# Why the n-th line of a stream was passed over unread, None if it was not.
Unread = Callable[[int], str | None]


class Batch:
    """Lines read and not stored yet."""

    def __init__(self) -> None:
        # By external id: the line and what stands there.
        self.documents: dict[str, tuple[int, DocumentInput]] = {}
        self.errors: list[LineError] = []
        # The last line of it, and the bytes of each of its lines.
        self.n_lines = 0
        self._sizes: list[int] = []
        self._weight = 0

    @property
    def n_bytes(self) -> int:
        """Return the bytes of all its lines, their ends included."""
        return sum(self._sizes)

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

    def pass_line(self, number: int, n_bytes: int) -> None:
        """Count a line in, whatever stands there."""
        self.n_lines = number
        self._sizes.append(n_bytes)

    def forget(self, committed: int) -> bool:
        """Leave out lines up to one committed after they were read; say whether there were any."""
        n_gone = committed - (self.n_lines - len(self._sizes))
        if n_gone <= 0:
            return False
        self._sizes = self._sizes[n_gone:]
        self.errors = [each for each in self.errors if each.line > committed]
        self.documents = {
            ident: each for ident, each in self.documents.items() if each[0] > committed
        }
        self.n_lines = max(self.n_lines, committed)
        return True

    def prepare(self, facts: CollectionFacts) -> "ReadyBatch":
        """Return the lines' documents checked against the collection, and all lines refused."""
        ready = ReadyBatch(self, facts, errors=list(self.errors))
        waiting = list(self.documents.values())
        checked = prepare_many([each for _, each in waiting], facts, lambda _: "document")
        for (number, document), each in zip(waiting, checked, strict=True):
            if isinstance(each, InvalidInput):
                ready.errors.append(LineError(number, str(each), document.external_id))
            else:
                ready.documents.append((number, each))
        return ready


@dataclass(slots=True)
class ReadyBatch:
    """A batch as it can be stored."""

    batch: Batch
    facts: CollectionFacts
    errors: list[LineError]
    documents: list[tuple[int, Prepared]] = field(default_factory=list)
    is_looked_up: bool = False
    # Below: as last looked up.
    accepted: list[Prepared] = field(default_factory=list)
    refused: list[LineError] = field(default_factory=list)
    new: NewBatch | None = None

    def look_up(self, stored_first: Collection[str] = ()) -> "ReadyBatch":
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
        self.is_looked_up = True
        return self


def batches(
    lines: Iterable[bytes], *, from_line: int, committed: Callable[[], int], unread: Unread
) -> Iterator[Batch]:
    """Yield the lines past the last one committed; the first of them has the number `from_line`.

    Blank lines are passed over. The last batch may hold nothing but the number of lines.
    """
    batch = Batch()
    for place, line in enumerate(lines, start=1):
        number = from_line + place - 1
        if number <= committed():
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
                batch = Batch()
            batch.add(number, document, weight)
        batch.pass_line(number, len(line) + 1)
        if len(batch.errors) >= COMMITTED_EVERY:
            yield batch
            batch = Batch()
            batch.n_lines = number
    batch.n_lines = max(batch.n_lines, committed())
    yield batch


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
