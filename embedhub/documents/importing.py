"""NDJSON import of any length with bounded memory: a commit every few hundred lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from embedhub.access.caller import Caller
from embedhub.documents.inputs import parse_document
from embedhub.documents.preparation import CollectionFacts, Prepared, prepare
from embedhub.documents.service import BULK, open_for_writing
from embedhub.documents.upsert import Outcome, upsert
from embedhub.errors import InvalidInput, TooLarge

COMMITTED_EVERY = 500


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


def import_documents(caller: Caller, slug: str, lines: Iterable[bytes]) -> Iterator[ImportedLines]:
    """Store one document a line and report after every commit; blank lines are passed over.

    A line that is refused does not stop the others. Sending everything again is harmless: what is
    stored already is unchanged. If one id comes twice, the later line wins.
    """
    facts = open_for_writing(caller, slug)
    batch: dict[str, Prepared] = {}
    errors: list[LineError] = []
    number = 0
    for number, line in enumerate(lines, start=1):
        if line.isspace() or not line:
            continue
        try:
            prepared = _read_line(line, facts)
        except (InvalidInput, TooLarge) as error:
            errors.append(LineError(number, str(error)))
            continue
        if prepared.document.external_id in batch or len(batch) >= COMMITTED_EVERY:
            yield _commit(facts, batch, errors, number - 1)
            batch, errors = {}, []
        batch[prepared.document.external_id] = prepared
        if len(errors) >= COMMITTED_EVERY:
            yield _commit(facts, batch, errors, number)
            batch, errors = {}, []
    yield _commit(facts, batch, errors, number)


def _read_line(line: bytes, facts: CollectionFacts) -> Prepared:
    try:
        raw = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"not valid JSON: {error}") from None
    return prepare(parse_document(raw, "document"), facts, "document")


def _commit(
    facts: CollectionFacts, batch: dict[str, Prepared], errors: list[LineError], n_lines: int
) -> ImportedLines:
    outcomes = upsert(facts, list(batch.values()), priority=BULK, field="document") if batch else []
    return ImportedLines(n_lines, outcomes, errors)
