"""Documents taken out of all searches of a collection, by another decision than a person's pin.

In the caller's transaction, so that a decision and what it hides are there together or not at all.
"""

from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.errors import Conflict
from embedhub.search.ranking.queries import curations as queries


def hide_document(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    external_id: str,
    note: str,
    by: str,
) -> int | None:
    """Hide a document from all searches and return the curation; None if it is hidden already.

    Raises Conflict for a pinned document, and over `max_curations`.
    """
    existing = queries.in_force(session, collection_id=collection_id, external_id=external_id)
    if existing is not None:
        if existing.action == "pin":
            raise Conflict(f"{external_id!r} is pinned to the top of searches: unpin it first")
        return None
    limit = get_config().max_curations
    if queries.count_in_force(session, collection_id) >= limit:
        raise Conflict(f"a collection has at most {limit} pinned and hidden documents")
    made = queries.insert_curation(
        session,
        workspace_id=workspace_id,
        collection_id=collection_id,
        action="hide",
        external_id=external_id,
        query="",
        note=note,
        created_by=by,
    )
    if made is None:
        raise Conflict("somebody else has just decided about this document")
    return made.id


def show_document(session: Session, *, collection_id: int, curation_id: int, by: str) -> None:
    """Take such a hiding back; one that somebody took back already stays so."""
    row = queries.find_curation(
        session, collection_id=collection_id, curation_id=curation_id, is_held=True
    )
    if row is not None and row.removed_at is None:
        queries.set_removed(session, row, by=by)
