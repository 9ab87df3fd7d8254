"""Lines of items, users or interactions, read and checked, in batches of one commit each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import orjson

from embedhub.catalog.inputs import (
    InteractionInput,
    ItemInput,
    UserInput,
    content_of,
    parse_interaction,
    parse_item,
    parse_user,
)
from embedhub.documents.streams import LineError
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.attributes import check_attributes

# Lines of a commit: an item costs the analysis of its words, an interaction next to nothing.
COMMITTED_MEMBERS = 500
COMMITTED_INTERACTIONS = 2_000
COMMITTED_BYTES = 4_000_000

# Why the n-th line of a stream was passed over unread, None if it was not.
Unread = Callable[[int], str | None]
Row = ItemInput | UserInput | InteractionInput


class Kind(StrEnum):
    """What stands in a line."""

    ITEMS = "items"
    USERS = "users"
    INTERACTIONS = "interactions"


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a catalog decides whether a line can be read."""

    content_template: str
    filterable: Mapping[str, str]
    types: Mapping[str, float]
    now: datetime


@dataclass(slots=True)
class Batch:
    """Lines read and not stored yet; `rows` by their line's number, with an item's content."""

    kind: Kind
    n_lines: int = 0
    # what the contents were made by
    template: str = ""
    n_bytes: int = 0
    rows: list[tuple[int, Row]] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def read(self, number: int, line: bytes, facts: Facts) -> tuple[Row, str] | None:
        """Return what stands in a line, with its content; None if it is refused, which is noted."""
        raw: object = None
        try:
            raw = orjson.loads(line)
            match self.kind:
                case Kind.ITEMS:
                    item = parse_item(raw, "item")
                    check_attributes(item.attributes, facts.filterable, "item.attributes")
                    return item, content_of(facts.content_template, item, "item")
                case Kind.USERS:
                    return parse_user(raw, "user"), ""
                case Kind.INTERACTIONS:
                    event = parse_interaction(raw, "interaction", types=facts.types, now=facts.now)
                    return event, ""
        except orjson.JSONDecodeError as error:
            self.errors.append(LineError(number, f"not valid JSON: {error}"))
        except (InvalidInput, TooLarge) as error:
            self.errors.append(LineError(number, str(error), id_in(raw)))
        return None

    def has_room_for(self, row: Row) -> bool:
        """Say whether the row may wait for the same commit as those before it."""
        limit = COMMITTED_MEMBERS
        if isinstance(row, InteractionInput):
            limit = COMMITTED_INTERACTIONS
        elif row.external_id in self._ids:
            # The later line wins, in a commit of its own.
            return False
        return len(self.rows) < limit and self.n_bytes < COMMITTED_BYTES

    def add(self, number: int, row: Row, content: str) -> None:
        """Let the row wait for the next commit."""
        self.rows.append((number, row))
        self.contents.append(content)
        if not isinstance(row, InteractionInput):
            self._ids.add(row.external_id)


@dataclass(slots=True)
class StoredLines:
    """What one commit stored: the last line of it, what became of how many, and refused lines."""

    n_lines: int
    n_bytes: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[LineError] = field(default_factory=list)


def batches(
    kind: Kind,
    lines: Iterable[bytes],
    facts: Callable[[], Facts],
    *,
    from_line: int,
    committed: int,
    unread: Unread,
) -> Iterator[Batch]:
    """Yield the lines past those committed in batches; the last one may be empty.

    `facts` are asked for anew with each batch. Blank lines are passed over.
    """
    known = facts()
    batch = Batch(kind, committed, known.content_template)
    for place, line in enumerate(lines, start=1):
        number = from_line + place - 1
        if number <= committed:
            continue
        found = None
        if reason := unread(place):
            batch.errors.append(LineError(number, reason))
        elif line and not line.isspace():
            found = batch.read(number, line, known)
        if found is not None:
            if not batch.has_room_for(found[0]):
                yield batch
                known = facts()
                batch = Batch(kind, number, known.content_template)
            batch.add(number, *found)
        batch.n_lines, batch.n_bytes = number, batch.n_bytes + len(line) + 1
        if len(batch.errors) >= COMMITTED_INTERACTIONS:
            yield batch
            known = facts()
            batch = Batch(kind, number, known.content_template)
    yield batch


def id_in(raw: object) -> str | None:
    """Return the id that a refused line names, so that its sender finds it again."""
    if not isinstance(raw, dict):
        return None
    found = raw.get("external_id", raw.get("user"))
    if not isinstance(found, str) or "\x00" in found:
        return None
    return found.encode(errors="ignore").decode()[:512]
