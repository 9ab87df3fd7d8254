"""Imports of documents: streams of lines into a collection."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.documents import streams
from embedhub.documents.queries.imports import Target
from embedhub.documents.streams import STOPPED, Claim, Find, ImportView, LineError, forget_old
from embedhub.documents.upsert import Outcome

__all__ = [
    "STOPPED",
    "Claim",
    "ImportView",
    "ImportedLines",
    "LineError",
    "claim_import",
    "create_import",
    "forget_old",
    "get_import",
    "list_imports",
    "refused_lines",
    "some_refused_lines",
]


@dataclass(slots=True)
class ImportedLines:
    """What one commit stored: the last line of it, outcomes, and the lines that were refused."""

    n_lines: int
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    n_bytes: int = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many lines had each outcome."""
        return Counter(each.outcome.value for each in self.outcomes)


def create_import(caller: Caller, slug: str) -> ImportView:
    """Create an import that waits for its lines: its id is known before anything can break."""
    return streams.create(_into(caller, slug, is_written=True))


def claim_import(
    caller: Caller,
    slug: str,
    *,
    import_id: int | None = None,
    from_line: int = 1,
    meanwhile: Callable[[], None] = lambda: None,
) -> Claim:
    """Begin an import, or go on with one at a line that follows what is committed or repeats it.

    As `streams.claim`.
    """
    find = _into(caller, slug, is_written=True)
    return streams.claim(find, import_id=import_id, from_line=from_line, meanwhile=meanwhile)


def get_import(caller: Caller, slug: str, import_id: int) -> ImportView:
    """Return how far an import is; raises NotFound, Forbidden for a key bound to principals."""
    caller.require_every_document()
    return streams.get(_into(caller, slug), import_id)


def list_imports(
    caller: Caller, slug: str, *, before: int | None = None, limit: int = 100
) -> list[ImportView]:
    """Return imports into a collection, the newest first; raises as `get_import` does."""
    caller.require_every_document()
    return streams.newest(_into(caller, slug), before=before, limit=limit)


def some_refused_lines(
    caller: Caller, slug: str, import_id: int, *, after: int, limit: int
) -> list[LineError]:
    """Return a page of an import's refused lines past a line; raises NotFound."""
    caller.require_writing()
    return streams.some_refused(_into(caller, slug), import_id, after=after, limit=limit)


def refused_lines(caller: Caller, slug: str, import_id: int) -> Iterator[Sequence[LineError]]:
    """Return the refused lines of an import page by page; raises NotFound at once.

    For who may write: a refusal may quote a document.
    """
    caller.require_writing()
    return streams.refused(_into(caller, slug), import_id)


def _into(caller: Caller, slug: str, *, is_written: bool = False) -> Find:
    def find(session: Session) -> Target:
        collection = find_collection(session, caller, slug)
        if is_written:
            caller.require_writing()
        return Target(workspace_id=caller.workspace_id, collection_id=collection.id)

    return find
