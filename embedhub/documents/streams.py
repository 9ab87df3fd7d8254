"""Streams of lines into a collection or a catalog, each with an id: how far it has come, and why
lines were refused.

What an import says of itself is written in the transaction that stores its lines: after any
interruption the stream goes on at the line after the last one committed, and nothing is doubled.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.documents.back_pressure import refuse_backlog, refuse_one_more
from embedhub.documents.queries import imports as queries
from embedhub.documents.queries.imports import Target
from embedhub.documents.turns import await_turn, tell_of_progress
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.tables import Import

__all__ = [
    "STOPPED",
    "Claim",
    "Find",
    "ImportView",
    "LineError",
    "Part",
    "Target",
    "cancel",
    "claim",
    "create",
    "forget_old",
    "get",
    "newest",
    "refused",
    "some_refused",
]

logger = logging.getLogger(__name__)

STOPPED = "the server stopped while it stored lines; send on from the next one"
REPORT_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class LineError:
    """Why one line was not stored; lines count from 1."""

    line: int
    message: str
    external_id: str | None = None


class Part(Protocol):
    """What one commit stored: the last line of it, what became of how many, and refused lines."""

    @property
    def n_lines(self) -> int: ...
    @property
    def n_bytes(self) -> int: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def errors(self) -> Sequence[LineError]: ...


# Finds what lines go into, within a transaction; raises what its caller is to be told.
Find = Callable[[Session], Target]


@dataclass(frozen=True, slots=True)
class ImportView:
    """How far an import is: `next_line` is the first line that is not committed yet."""

    id: int
    # what stands in a line
    kind: str
    status: str
    n_lines: int
    next_line: int
    n_bytes: int
    counts: dict[str, int]
    n_errors: int
    error: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to store an import's next lines, until somebody else claims it."""

    import_id: int
    token: uuid.UUID
    # lines committed when it was claimed
    n_lines: int

    def record(self, session: Session, part: Part) -> None:
        """Count a part in, within the transaction that stores it; raises Conflict."""
        ours = queries.record(
            session,
            import_id=self.import_id,
            token=self.token,
            n_lines=part.n_lines,
            n_bytes=part.n_bytes,
            counts=part.counts,
            refused=[
                # A refusal may quote what was sent, which PostgreSQL would refuse to store.
                {
                    "line": each.line,
                    "external_id": each.external_id,
                    "message": each.message.replace("\0", "\N{REPLACEMENT CHARACTER}"),
                }
                for each in part.errors
            ],
        )
        if not ours:
            raise Conflict(
                f"import {self.import_id} was cancelled, or is sent on by another request"
            )

    def settle(self, status: str, error: str | None = None) -> None:
        """Write how the import stands; nothing happens if somebody else has claimed it."""
        try:
            with db.writing() as session:
                queries.settle(
                    session, import_id=self.import_id, token=self.token, status=status, error=error
                )
        except SQLAlchemyError:
            # The lines are stored; without a sign of life the import counts as broken soon.
            logger.warning("import not settled", extra={"id": self.import_id}, exc_info=True)
        tell_of_progress()


def create(find: Find) -> ImportView:
    """Create an import that waits for its lines: its id is known before anything can break."""
    with db.writing() as session:
        return _view(queries.insert_import(session, find(session)))


def claim(
    find: Find,
    *,
    import_id: int | None = None,
    from_line: int = 1,
    meanwhile: Callable[[], None] = lambda: None,
) -> Claim:
    """Begin an import, or go on with one at a line that follows what is committed or repeats it.

    While the lines before are not committed yet, `meanwhile` is carried out once. Raises
    InvalidInput if lines would be missing, Busy if as many imports run as may, Conflict for one
    that was cancelled.
    """
    if from_line < 1:
        raise InvalidInput("lines count from 1", "from_line")
    if import_id is None and from_line > 1:
        raise InvalidInput("names a line of an import: give its import_id too", "from_line")
    refuse_backlog()
    if import_id is not None:
        known = import_id
        await_turn(lambda: get(find, known).n_lines, from_line, meanwhile)
    token = uuid.uuid4()
    with db.writing() as session:
        target = find(session)
        if import_id is None:
            row = queries.insert_import(session, target)
        else:
            row = _find(session, target, import_id)
        if row.kind != target.kind:
            raise InvalidInput(f"names an import of {row.kind}", "import_id")
        if row.status == "cancelled":
            raise Conflict(f"import {row.id} was cancelled")
        # What is taken over is counted already: it goes on in place of itself.
        if row.status != "running":
            refuse_one_more(session)
        n_lines = queries.claim(session, import_id=row.id, token=token)
        if n_lines is None:
            raise NotFound("import", row.id)
        if from_line > n_lines + 1:
            missing = f"line {n_lines + 1} comes next; lines before {from_line} would be missing"
            raise InvalidInput(missing, "from_line")
    return Claim(row.id, token, n_lines)


def cancel(find: Find, import_id: int) -> ImportView:
    """End an import for good: who sends its lines is refused from the next commit on.

    What was committed stays. Raises NotFound, and Conflict if it has finished.
    """
    with db.writing() as session:
        target = find(session)
        row = _find(session, target, import_id)
        if not queries.cancel(session, import_id=row.id):
            raise Conflict(f"import {import_id} has finished")
        return _view(_find(session, target, import_id))


def get(find: Find, import_id: int) -> ImportView:
    """Return how far an import is; raises NotFound."""
    with db.reading() as session:
        return _view(_find(session, find(session), import_id))


def newest(find: Find, *, before: int | None = None, limit: int = 100) -> list[ImportView]:
    """Return imports, the newest first."""
    with db.reading() as session:
        rows = queries.newest_imports(session, find(session), before=before, limit=limit)
        return [_view(row) for row in rows]


def some_refused(find: Find, import_id: int, *, after: int, limit: int) -> list[LineError]:
    """Return a page of an import's refused lines past a line; raises NotFound."""
    with db.reading() as session:
        return _read_page(session, _find(session, find(session), import_id).id, after, limit)


def refused(find: Find, import_id: int) -> Iterator[Sequence[LineError]]:
    """Return the refused lines of an import page by page; raises NotFound at once.

    Between the pages no connection is held, and no more than a page is in memory.
    """
    with db.reading() as session:
        found = _find(session, find(session), import_id).id
    return _pages(found)


def forget_old() -> int:
    """Delete imports and their reports that did nothing for `import_days`; return how many."""
    days = get_config().import_days
    return db.in_batches(
        lambda session, size: queries.delete_old(session, days=days, limit=size), size=100
    )


def _pages(import_id: int) -> Iterator[Sequence[LineError]]:
    after = 0
    rows: list[LineError] = []
    while not after or len(rows) == REPORT_ROWS:
        with db.reading() as session:
            rows = _read_page(session, import_id, after, REPORT_ROWS)
        if not rows:
            return
        yield rows
        after = rows[-1].line


def _read_page(session: Session, import_id: int, after: int, limit: int) -> list[LineError]:
    found = queries.refused_lines(session, import_id=import_id, after=after, limit=limit)
    return [LineError(line, message, external_id) for line, external_id, message in found]


def _find(session: Session, target: Target, import_id: int) -> Import:
    row = queries.find_import(session, target, import_id=import_id)
    if row is None:
        raise NotFound("import", import_id)
    return row


def _view(row: Import) -> ImportView:
    status, error = row.status, row.error
    silent_for = datetime.now(UTC) - row.updated_at
    if status == "running" and silent_for > timedelta(seconds=get_config().run_heartbeat_s):
        status, error = "broken", STOPPED
    return ImportView(
        id=row.id,
        kind=row.kind,
        status=status,
        n_lines=row.n_lines,
        next_line=row.n_lines + 1,
        n_bytes=row.n_bytes,
        counts={
            "created": row.n_created,
            "updated": row.n_updated,
            "unchanged": row.n_unchanged,
            "stale": row.n_stale,
            **({"held": row.n_held} if row.kind == "interactions" else {}),
        },
        n_errors=row.n_errors,
        error=error,
        created_at=row.created_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )
