"""What others may rely on about spaces: which there are, how far they are, what is dead."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.encoders import SUPPLIED, describe_encoder
from embedhub.jobs import Job
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import start_run, start_unless_paused
from embedhub.search.lexical import ANALYSER, REVISION
from embedhub.spaces.distance import index_precision
from embedhub.spaces.generations import flip_forgotten, hold_spaces
from embedhub.spaces.queries import embeddings, ledger, shelves
from embedhub.spaces.queries import spaces as queries
from embedhub.spaces.queries.spaces import CollectionCounts, DeadLetter
from embedhub.tables import Collection, Space
from embedhub.tables.spaces import SHARED_SHELF, SPARSE_DIMENSIONS

__all__ = [
    "CollectionCounts",
    "DeadLetter",
    "LiveSpaces",
    "bury_crashed",
    "collection_status",
    "complete_indexes",
    "create_spaces",
    "flip_overdue",
    "forget_unused_vectors",
    "grow_outgrown",
    "list_dead",
    "live_spaces",
    "release_leases",
    "retry_dead",
    "ring_for_due",
]

CRASHED = "the worker stopped each time it encoded this text"


@dataclass(frozen=True, slots=True)
class LiveSpaces:
    """The spaces that answer for a collection."""

    dense: Space | None
    sparse: Space | None


def create_spaces(
    session: Session,
    *,
    collection: Collection,
    dimension: int | None = None,
    metric: str = "cosine",
) -> None:
    """Open the dense and the sparse space of a new collection.

    `dimension` and `metric` matter to supplied vectors only; an encoder knows its own.
    """
    if collection.encoder == SUPPLIED:
        if dimension is None:
            raise ValueError("supplied vectors need a dimension")
        revision = "1"
    else:
        description = describe_encoder(collection.encoder)
        dimension, metric = description.dimension, description.metric
        revision = description.revision
    owner = {"workspace_id": collection.workspace_id, "collection_id": collection.id}
    queries.insert_space(
        session,
        **owner,
        subject="chunk",
        kind="dense",
        encoder=collection.encoder,
        revision=revision,
        dimension=dimension,
        metric=metric,
        precision=index_precision(metric).value,
    )
    queries.insert_space(
        session,
        **owner,
        subject="chunk",
        kind="sparse",
        encoder=ANALYSER,
        revision=REVISION,
        dimension=SPARSE_DIMENSIONS,
        metric="inner_product",
    )


def live_spaces(session: Session, *, workspace_id: int, collection_id: int) -> LiveSpaces:
    """Return the spaces that answer for a collection, as they are in this transaction."""
    found = {
        space.kind: space
        for space in queries.spaces_of_collection(
            session, workspace_id=workspace_id, collection_id=collection_id
        )
        if space.status == "live"
    }
    return LiveSpaces(dense=found.get("dense"), sparse=found.get("sparse"))


def collection_status(
    session: Session, *, workspace_id: int, collection_id: int
) -> CollectionCounts:
    """Return how many documents, chunks and vectors there are, and what is pending or dead."""
    return queries.collection_counts(
        session, workspace_id=workspace_id, collection_id=collection_id
    )


def list_dead(
    caller: Caller, *, collection_id: int | None = None, after: int = 0, limit: int = 100
) -> list[DeadLetter]:
    """Return chunks whose vector could not be made, by chunk id, with the reasons."""
    caller.require("read")
    with db.reading() as session:
        return queries.dead_letters(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection_id,
            principals=caller.principals,
            after=after,
            limit=limit,
        )


def retry_dead(
    caller: Caller,
    *,
    collection_id: int | None = None,
    catalog_id: int | None = None,
    chunk_ids: Sequence[int] | None = None,
) -> int:
    """Give dead rows a fresh start (all of them, or those of these chunks); return how many.

    Of a catalog the ids are those of items and users.
    """
    caller.require("write")
    with db.writing() as session:
        revived = queries.revive(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection_id,
            catalog_id=catalog_id,
            owner_ids=chunk_ids,
        )
        if revived:
            jobs.enqueue(session, Job.EMBED)
    return revived


def forget_unused_vectors() -> int:
    """Empty the vector cache of what nobody asked for in `vector_cache_days`; return how many.

    Vectors that answer are elsewhere: they are not forgotten.
    """
    days = get_config().vector_cache_days
    return db.in_batches(
        lambda session, size: embeddings.delete_unused_vectors(session, days=days, limit=size)
    )


def release_leases() -> int:
    """End every lease at once and return how many; only for when no worker runs anywhere.

    What was tried stays counted: a text that kills its workers is set aside all the same.
    """
    with db.writing() as session:
        released = ledger.release_leases(session)
        if released:
            jobs.enqueue(session, Job.EMBED)
    return released


def bury_crashed() -> None:
    """Set aside rows whose every attempt ended with the worker's death."""
    with db.writing() as session:
        ledger.bury_crashed(session, max_attempts=get_config().max_attempts, reason=CRASHED)


def flip_overdue() -> None:
    """Let updates answer that no worker's store will flip any more."""
    with db.writing() as session:
        flip_forgotten(session, limit=1_000)


def ring_for_due() -> None:
    """Wake the embed workers if any row is due."""
    with db.writing() as session:
        if ledger.has_ready(session):
            jobs.enqueue(session, Job.EMBED)


def grow_outgrown() -> None:
    """Ask for a shelf of its own for every space that is too large for the shared one."""
    with db.writing() as session:
        for space in shelves.outgrown_spaces(session, rows=get_config().shelf_rows):
            start_unless_paused(
                session,
                workspace_id=space.workspace_id,
                kind=RunKind.GROW_SPACE,
                subject=f"space {space.id}",
                arguments={"space_id": space.id},
            )


def complete_indexes(collection_id: int) -> list[int]:
    """Ask for the indexes that a collection's own shelves lack, and return the runs.

    What declared fields no longer need is dropped by the same runs.
    """
    with db.writing() as session:
        return [
            start_run(
                session,
                workspace_id=space.workspace_id,
                kind=RunKind.GROW_SPACE,
                subject=f"space {space.id}",
                arguments={"space_id": space.id, "collection_id": collection_id},
            )
            for space in hold_spaces(session, collection_id)
            if space.shelf_id != SHARED_SHELF
        ]
