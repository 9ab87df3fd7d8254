"""Documents: what a caller may rely on."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.config import get_config
from embedhub.documents.deletion import Deleted, delete_documents
from embedhub.documents.inputs import DocumentInput, refuse_repeats
from embedhub.documents.preparation import CollectionFacts, prepare_many
from embedhub.documents.queries import reading
from embedhub.documents.upsert import Outcome, OutcomeKind, upsert
from embedhub.errors import InvalidInput, NotFound, TooLarge
from embedhub.search.filters import parse_filter
from embedhub.spaces.service import live_spaces
from embedhub.tables import Document, DocumentVersion

__all__ = [
    "Deleted",
    "DocumentPage",
    "DocumentView",
    "IndexedState",
    "Outcome",
    "OutcomeKind",
    "delete_documents",
    "get_documents",
    "list_documents",
    "open_for_writing",
    "poll_until_indexed",
    "upsert_documents",
    "wait_until_indexed",
]

# Priorities of the ledger: somebody waits for the answer / a load that may take its time.
INTERACTIVE, BULK = 0, 5
INTERACTIVE_DOCUMENTS = 32
FIRST_POLL_S, LONGEST_POLL_S = 0.03, 0.5


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as its newest accepted version; text, format and pages are None in lists.

    `is_live` is false while an older text still answers searches.
    """

    id: int
    external_id: str
    title: str
    text: str | None
    url: str | None
    metadata: dict[str, Any]
    access: list[str] | None
    language: str | None
    source_version: int | None
    expires_at: datetime | None
    version: int
    is_live: bool
    format: str | None
    page_starts: list[int] | None
    file_id: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Documents by their id; `after` continues, None at the end."""

    documents: list[DocumentView]
    after: int | None


@dataclass(frozen=True, slots=True)
class IndexedState:
    """Documents that cannot be found by meaning yet, and those that never will, with reasons."""

    pending: list[str]
    dead: list[tuple[str, str]]


def refuse_too_many(n_documents: int, field: str = "documents") -> None:
    """Return if a batch may have so many documents; raises TooLarge."""
    limit = get_config().max_batch_documents
    if n_documents > limit:
        raise TooLarge(f"{n_documents:,} documents; at most {limit:,} are accepted", field)


def upsert_documents(
    caller: Caller,
    slug: str,
    inputs: Sequence[DocumentInput],
    *,
    field: str = "documents",
    priority: int | None = None,
) -> list[Outcome]:
    """Store a batch, all or nothing, and return what became of each document, in order.

    New documents are found by their words when this returns, by meaning when encoded. Raises
    InvalidInput naming the document, TooLarge over `max_batch_documents`.
    """
    refuse_too_many(len(inputs), field)
    facts = open_for_writing(caller, slug)
    refuse_repeats(list(inputs), field)
    batch = []
    for each in prepare_many(inputs, facts, lambda place: f"{field}.{place}"):
        if isinstance(each, InvalidInput):
            raise each
        batch.append(each)
    if priority is None:
        priority = INTERACTIVE if len(batch) <= INTERACTIVE_DOCUMENTS else BULK
    return upsert(facts, batch, priority=priority, field=field) if batch else []


def open_for_writing(caller: Caller, slug: str) -> CollectionFacts:
    """Return what decides how documents are stored, if the caller may write to the collection."""
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        caller.require_writing()
        spaces = live_spaces(session, workspace_id=caller.workspace_id, collection_id=collection.id)
        return CollectionFacts.of(collection, spaces.dense)


def get_documents(
    caller: Caller, slug: str, external_ids: Sequence[str]
) -> list[DocumentView | None]:
    """Return the documents in the order asked; None where there is none the caller may see."""
    limit = get_config().max_limit
    if len(external_ids) > limit:
        raise TooLarge(f"{len(external_ids):,} ids; at most {limit:,} at once", "external_ids")
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        rows = reading.visible_documents(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            principals=caller.principals,
            external_ids=external_ids,
        )
        found = {row.external_id: _view(row, version) for row, version in rows}
    return [found.get(external_id) for external_id in external_ids]


def get_document(caller: Caller, slug: str, external_id: str) -> DocumentView:
    """Return one document; raises NotFound, also for one the caller may not see."""
    document = get_documents(caller, slug, [external_id])[0]
    if document is None:
        raise NotFound("document", external_id)
    return document


def list_documents(
    caller: Caller,
    slug: str,
    *,
    where: Mapping[str, Any] | None = None,
    after: int = 0,
    limit: int = 100,
) -> DocumentPage:
    """Return a page of the documents that a filter matches and the caller may see."""
    largest = get_config().max_limit
    if not 1 <= limit <= largest:
        raise InvalidInput(f"must be from 1 to {largest:,}", "limit")
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        rows = reading.page_of_documents(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            principals=caller.principals,
            where=parse_filter(where, collection.filterable),
            after=after,
            limit=limit + 1,
        )
        views = [_view(row, title=title) for row, title in rows[:limit]]
    return DocumentPage(views, after=views[-1].id if len(rows) > limit else None)


def wait_until_indexed(
    caller: Caller, slug: str, external_ids: Sequence[str], *, timeout_s: float
) -> IndexedState:
    """Return when all these documents answer in every leg, or at the time limit."""

    def look() -> Sequence[tuple[str, bool, str | None]]:
        with db.reading() as session:
            collection = find_collection(session, caller, slug)
            return reading.indexing_states(
                session,
                workspace_id=caller.workspace_id,
                collection_id=collection.id,
                external_ids=external_ids,
            )

    return poll_until_indexed(look, timeout_s=timeout_s)


def poll_until_indexed(
    look: Callable[[], Sequence[tuple[str, bool, str | None]]], *, timeout_s: float
) -> IndexedState:
    """Return when nothing waits to be indexed, or at the time limit.

    `look` returns of each: its id, whether it waits, and why it is dead. No connection is held
    between the looks.
    """
    deadline = time.monotonic() + min(timeout_s, get_config().max_wait_s)
    pause_s = FIRST_POLL_S
    while True:
        states = look()
        pending = [external_id for external_id, waits, _ in states if waits]
        if not pending or time.monotonic() + pause_s > deadline:
            dead = [(external_id, reason) for external_id, _, reason in states if reason]
            return IndexedState(pending=pending, dead=dead)
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)


def _view(
    row: Document, version: DocumentVersion | None = None, *, title: str = ""
) -> DocumentView:
    return DocumentView(
        id=row.id,
        external_id=row.external_id,
        title=version.title if version else title,
        text=version.text if version else None,
        url=row.url,
        metadata=row.metadata_,
        access=row.access,
        language=row.language,
        source_version=row.source_version,
        expires_at=row.expires_at,
        version=row.version,
        is_live=row.generation == row.live_generation,
        format=version.format if version else None,
        page_starts=version.page_starts if version else None,
        file_id=row.file_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
