"""Collections: what a caller may rely on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections import queries
from embedhub.collections.checks import (
    DEFAULT_LANGUAGE,
    MAX_FILTERABLE,
    MAX_NAME_CHARS,
    METRICS,
    CollectionChanges,
    CollectionInput,
    changed_columns,
    check_chunking,
    check_ranking_of,
    check_wanted,
    checked_ranking,
    refuse_fixed,
)
from embedhub.collections.following import run_needed, start_following
from embedhub.collections.purge import purge_collection
from embedhub.config import get_config
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound
from embedhub.runs.service import RunKind, start_run
from embedhub.spaces import service as spaces
from embedhub.spaces.service import CollectionCounts, DeadLetter
from embedhub.tables import Collection

__all__ = [
    "MAX_FILTERABLE",
    "MAX_NAME_CHARS",
    "CollectionChanges",
    "CollectionInput",
    "CollectionView",
    "add_collection",
    "collection_ids",
    "collection_status",
    "create_collection",
    "delete_collection",
    "find_by_id",
    "find_collection",
    "get_collection",
    "list_collections",
    "list_dead",
    "purge_collection",
    "refuse_fixed",
    "resume_deletions",
    "retry_dead",
    "update_collection",
    "view_of",
]

# A removal that failed is not tried again at every sweep.
PAUSE = timedelta(minutes=10)
RESUMED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection; `dimension` and `metric` are those of the vectors that answer now."""

    id: int
    slug: str
    name: str
    language: str
    encoder: str
    dimension: int | None
    metric: str | None
    chunking: dict[str, Any]
    filterable: dict[str, str]
    ranking: dict[str, Any]
    created_at: datetime


def create_collection(caller: Caller, wanted: CollectionInput) -> CollectionView:
    """Create a collection with its spaces; Conflict if the slug is taken, else InvalidInput."""
    with db.writing() as session:
        return view_of(session, add_collection(session, caller, wanted))


def add_collection(session: Session, caller: Caller, wanted: CollectionInput) -> Collection:
    """Do the same in the caller's transaction."""
    caller.require_writing()
    if caller.collection_ids is not None:
        raise Forbidden("a key bound to collections may not make others")
    encoder, chunking = check_wanted(wanted)
    limit = get_config().max_collections
    if queries.count_collections(session, workspace_id=caller.workspace_id) >= limit:
        raise Conflict(f"a workspace has at most {limit} collections")
    collection = queries.insert_collection(
        session,
        workspace_id=caller.workspace_id,
        slug=wanted.slug,
        name=wanted.name or wanted.slug,
        language=wanted.language or DEFAULT_LANGUAGE,
        encoder=encoder,
        chunking=chunking.as_mapping(),
        filterable=dict(wanted.filterable),
        ranking=checked_ranking(wanted.ranking, wanted.filterable),
    )
    if collection is None:
        raise Conflict(f"there is already a collection {wanted.slug!r}")
    spaces.create_spaces(
        session,
        collection=collection,
        dimension=wanted.dimension,
        metric=wanted.metric or METRICS[0],
    )
    return collection


def find_collection(session: Session, caller: Caller, slug: str) -> Collection:
    """Return the row of a collection in the caller's transaction.

    Raises NotFound, also for another workspace's and for one outside the key's bounds.
    """
    collection = queries.find_collection(session, workspace_id=caller.workspace_id, slug=slug)
    if collection is None or not caller.may_open(collection.id):
        raise NotFound("collection", slug)
    return collection


def find_by_id(session: Session, collection_id: int) -> Collection:
    """Return the row of a collection for a run that works on it; raises NotFound if deleted."""
    collection = queries.find_by_id(session, collection_id)
    if collection is None:
        raise NotFound("collection", collection_id)
    return collection


def get_collection(caller: Caller, slug: str) -> CollectionView:
    """Return a collection; raises NotFound."""
    with db.reading() as session:
        return view_of(session, find_collection(session, caller, slug))


def list_collections(caller: Caller, *, after: int = 0, limit: int = 100) -> list[CollectionView]:
    """Return the collections the caller may open, by id, from the one behind `after` on."""
    with db.reading() as session:
        rows = queries.list_collections(
            session,
            workspace_id=caller.workspace_id,
            collection_ids=caller.collection_ids,
            after=after,
            limit=limit,
        )
        return _views(session, rows)


def collection_ids(caller: Caller, slugs: Sequence[str]) -> list[int]:
    """Return the ids of these collections; raises NotFound naming the first that is not there."""
    with db.reading() as session:
        return [find_collection(session, caller, slug).id for slug in slugs]


def update_collection(
    caller: Caller, slug: str, changes: CollectionChanges
) -> tuple[CollectionView, int | None]:
    """Change a collection; return it and the run that follows, if any.

    Newly declared dates are stored in another form, so changed filterable fields start a run over
    the existing documents; until it ends, filters on a changed field may miss some of them. Another
    chunking starts a run that parts the documents anew; each answers with its old passages until
    the new ones are encoded. The same again starts a run only if the last one failed or was
    cancelled. Raises InvalidInput if both would be needed.
    """
    caller.require_writing()
    columns = changed_columns(changes)
    if changes.filterable is not None and changes.chunking is not None:
        raise InvalidInput("change the filterable fields first, then the chunking", "chunking")
    run_id = None
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        if columns or changes.chunking is not None:
            queries.hold_collection(session, collection.id)
            # What another change made of it meanwhile is what this one changes.
            session.expire(collection)
            collection = find_collection(session, caller, slug)
            check_ranking_of(collection, columns)
        if changes.chunking is not None:
            chunking = check_chunking(collection.encoder, changes.chunking)
            columns["chunking"] = chunking.as_mapping()
        kind = run_needed(session, collection, columns)
        if columns:
            collection = queries.update_collection(
                session,
                workspace_id=caller.workspace_id,
                collection_id=collection.id,
                **columns,
            )
        if kind is not None:
            run_id = start_following(session, collection, kind)
        return view_of(session, collection), run_id


def delete_collection(caller: Caller, slug: str) -> int:
    """Hide a collection at once, which frees its slug, and return the run that removes it."""
    caller.require_writing()
    with db.writing() as session:
        found = find_collection(session, caller, slug)
        if not queries.mark_deleted(
            session, workspace_id=caller.workspace_id, collection_id=found.id
        ):
            raise NotFound("collection", slug)
        return _start_removal(session, caller.workspace_id, found.id)


def collection_status(caller: Caller, slug: str) -> CollectionCounts:
    """Return how many documents, passages and vectors there are, and what is pending or dead.

    Raises Forbidden for a caller bound to principals.
    """
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        return spaces.collection_status(
            session, workspace_id=caller.workspace_id, collection_id=collection.id
        )


def list_dead(caller: Caller, slug: str, *, after: int, limit: int) -> list[DeadLetter]:
    """Return the passages of a collection whose vector could not be made, by chunk id."""
    [collection_id] = collection_ids(caller, [slug])
    return spaces.list_dead(caller, collection_id=collection_id, after=after, limit=limit)


def retry_dead(caller: Caller, slug: str, chunk_ids: Sequence[int] | None) -> int:
    """Give dead passages of a collection a fresh start; return how many."""
    caller.require_writing()
    [collection_id] = collection_ids(caller, [slug])
    return spaces.retry_dead(caller, collection_id=collection_id, chunk_ids=chunk_ids)


def resume_deletions() -> int:
    """Start a run for what is deleted and no run removes, failed ones after a pause.

    Returns how many; what is beyond `RESUMED_AT_ONCE` waits for the next sweep.
    """
    with db.writing() as session:
        found = queries.deleted_collections(session, pause=PAUSE, limit=RESUMED_AT_ONCE)
        for workspace_id, collection_id in found:
            _start_removal(session, workspace_id, collection_id)
    return len(found)


def _start_removal(session: Session, workspace_id: int, collection_id: int) -> int:
    return start_run(
        session,
        workspace_id=workspace_id,
        kind=RunKind.DELETE_COLLECTION,
        subject=f"collection {collection_id}",
        arguments={"collection_id": collection_id},
    )


def view_of(session: Session, collection: Collection) -> CollectionView:
    """Return a collection's row as it is shown to callers."""
    return _views(session, [collection])[0]


def _views(session: Session, rows: Sequence[Collection]) -> list[CollectionView]:
    geometry = queries.dense_geometry(session, [row.id for row in rows])
    return [
        CollectionView(
            id=row.id,
            slug=row.slug,
            name=row.name,
            language=row.language,
            encoder=row.encoder,
            dimension=geometry.get(row.id, (None, None))[0],
            metric=geometry.get(row.id, (None, None))[1],
            chunking=row.chunking,
            filterable=row.filterable,
            ranking=row.ranking,
            created_at=row.created_at,
        )
        for row in rows
    ]
