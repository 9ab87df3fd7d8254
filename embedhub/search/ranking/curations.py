"""Decisions about single documents, made by hand: what a caller may rely on.

A document is pinned to the top or hidden, in searches for one query or in all of a collection.
Whoever pins and hides may take it back and put it back; who did what is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.config import get_config
from embedhub.documents.inputs import MAX_EXTERNAL_ID_CHARS
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.search.ranking import values
from embedhub.search.ranking.curated import MAX_QUERY_CHARS, normalized_query
from embedhub.search.ranking.queries import curations as queries
from embedhub.tables import Curation

MAX_POSITION = 100
MAX_NOTE_CHARS = 500


class Action(StrEnum):
    """What is done with a document."""

    PIN = "pin"
    HIDE = "hide"


@dataclass(frozen=True, slots=True)
class CurationInput:
    """What to do with which document; `query` None means in every search of the collection.

    `position` is a pin's place, 1 for the top; None puts it behind the pins there are.
    """

    action: Action
    external_id: str
    query: str | None = None
    position: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CurationView:
    """A decision; `query` is None if it holds for every search, `removed_at` while it holds."""

    id: int
    action: Action
    external_id: str
    query: str | None
    position: int | None
    note: str
    created_by: str
    created_at: datetime
    removed_by: str | None
    removed_at: datetime | None


def add_curation(
    caller: Caller, slug: str, wanted: CurationInput, *, by: str | None = None
) -> CurationView:
    """Pin or hide a document; what was decided about it for the same query is taken back.

    `by` names who decides, the caller's key by default. Raises InvalidInput naming the part,
    Conflict over `max_curations`, NotFound for the collection.
    """
    caller.require_writing()
    query = _check(wanted)
    who = _who(caller, by)
    with db.writing() as session:
        collection_id = find_collection(session, caller, slug).id
        if not queries.has_document(
            session, collection_id=collection_id, external_id=wanted.external_id
        ):
            raise InvalidInput("no such document", "external_id")
        queries.forget_removed(
            session, collection_id=collection_id, days=get_config().curation_days
        )
        _make_room(session, collection_id, query, wanted.external_id, who)
        row = queries.insert_curation(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection_id,
            action=wanted.action,
            external_id=wanted.external_id,
            query=query,
            position=_position(session, collection_id, query, wanted),
            note=wanted.note,
            created_by=who,
        )
        if row is None:
            raise Conflict("somebody else has just decided about this document")
        return _view(row)


def remove_curation(
    caller: Caller, slug: str, curation_id: int, *, by: str | None = None
) -> CurationView:
    """Take a decision back; one taken back already stays so. Raises NotFound."""
    caller.require_writing()
    with db.writing() as session:
        row = _held(session, caller, slug, curation_id)
        if row.removed_at is None:
            row = queries.set_removed(session, row, by=_who(caller, by))
        return _view(row)


def restore_curation(
    caller: Caller, slug: str, curation_id: int, *, by: str | None = None
) -> CurationView:
    """Put a decision in force again, in place of what was decided since; raises NotFound."""
    caller.require_writing()
    with db.writing() as session:
        row = _held(session, caller, slug, curation_id)
        if row.removed_at is not None:
            _make_room(session, row.collection_id, row.query, row.external_id, _who(caller, by))
            row = queries.set_removed(session, row, by=None)
        return _view(row)


def list_curations(
    caller: Caller, slug: str, *, is_removed: bool = False, after: int = 0, limit: int = 100
) -> list[CurationView]:
    """Return decisions in force, or those taken back, by id.

    Raises Forbidden for a caller bound to principals: they name documents that it may not see.
    """
    caller.require("read")
    caller.require_every_document()
    with db.reading() as session:
        collection_id = find_collection(session, caller, slug).id
        rows: Sequence[Curation] = queries.list_curations(
            session, collection_id=collection_id, is_removed=is_removed, after=after, limit=limit
        )
        return [_view(row) for row in rows]


def _check(wanted: CurationInput) -> str:
    """Return the query as it is stored, empty for every search."""
    values.text(wanted.external_id, "external_id", MAX_EXTERNAL_ID_CHARS)
    if wanted.note:
        values.text(wanted.note, "note", MAX_NOTE_CHARS)
    if wanted.action is Action.HIDE and wanted.position is not None:
        raise InvalidInput("is for pins: what is hidden has no place", "position")
    if wanted.position is not None:
        values.whole_number(wanted.position, "position", 1, MAX_POSITION)
    if wanted.query is None:
        return ""
    query = normalized_query(values.text(wanted.query, "query", MAX_QUERY_CHARS))
    if not query:
        raise InvalidInput("must not be empty; null means every search", "query")
    return query


def _make_room(
    session: Session, collection_id: int, query: str, external_id: str, who: str
) -> None:
    queries.remove_in_force(
        session, collection_id=collection_id, query=query, external_id=external_id, by=who
    )
    limit = get_config().max_curations
    if queries.count_in_force(session, collection_id) >= limit:
        raise Conflict(f"a collection has at most {limit} pinned and hidden documents")


def _position(
    session: Session, collection_id: int, query: str, wanted: CurationInput
) -> int | None:
    if wanted.action is Action.HIDE or wanted.position is not None:
        return wanted.position
    last = queries.last_position(session, collection_id=collection_id, query=query)
    return min(last + 1, MAX_POSITION)


def _held(session: Session, caller: Caller, slug: str, curation_id: int) -> Curation:
    collection_id = find_collection(session, caller, slug).id
    row = queries.find_curation(
        session, collection_id=collection_id, curation_id=curation_id, is_held=True
    )
    if row is None:
        raise NotFound("curation", curation_id)
    return row


def _who(caller: Caller, by: str | None) -> str:
    return by or (f"API key {caller.key_id}" if caller.key_id else "command line")


def _view(row: Curation) -> CurationView:
    return CurationView(
        id=row.id,
        action=Action(row.action),
        external_id=row.external_id,
        query=row.query or None,
        position=row.position,
        note=row.note,
        created_by=row.created_by,
        created_at=row.created_at,
        removed_by=row.removed_by,
        removed_at=row.removed_at,
    )
