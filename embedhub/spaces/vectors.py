"""Spaces of items and users whose vectors no encoder made: factors, and what others publish.

They live as every space does: rows repeat what filters see, a space that outgrows the shared shelf
gets its own with an HNSW index, and items that are removed take their vectors along.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import NotFound
from embedhub.runs.service import RunKind, start_run
from embedhub.spaces.distance import index_precision
from embedhub.spaces.index_facts import subject_of
from embedhub.spaces.queries import shelves
from embedhub.spaces.queries import spaces as space_queries
from embedhub.spaces.queries import vectors as queries
from embedhub.spaces.shelving import drop_shelf
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

# Owners are held while their vectors are stored: not so many that others notice.
STORED_AT_ONCE = 2_000
DELETED_AT_ONCE = 5_000


def open_space(
    session: Session,
    *,
    workspace_id: int,
    catalog_id: int,
    subject: str,
    encoder: str,
    revision: str,
    dimension: int,
    metric: str = "inner_product",
) -> int:
    """Open a space of a catalog's items or users that is being built, and return its id.

    Waits for those who are changing items: whoever comes later sees the space and keeps it true.
    """
    db.take_turn(session, db.Turn.CATALOG, catalog_id)
    return space_queries.insert_space(
        session,
        workspace_id=workspace_id,
        catalog_id=catalog_id,
        subject=subject,
        kind="dense",
        encoder=encoder,
        revision=revision,
        dimension=dimension,
        metric=metric,
        precision=index_precision(metric).value,
        status="building",
    )


def put_vectors(
    space_id: int,
    owner_ids: Sequence[int],
    vectors: NDArray[np.float32],
    hashes: Sequence[bytes],
) -> int:
    """Store vectors of a space's owners, in transactions of some thousand; return how many.

    `hashes` tell inputs apart: rows of equal ones count as copies of each other. Owners that are
    gone get none. Raises NotFound without the space.
    """
    n_stored = 0
    order = np.argsort(np.asarray(owner_ids, dtype=np.int64), kind="stable")
    for start in range(0, len(order), STORED_AT_ONCE):
        some = order[start : start + STORED_AT_ONCE]

        def store(some: NDArray[np.int64] = some) -> int:
            with db.writing() as session:
                return put_some(
                    session,
                    space_id,
                    [owner_ids[at] for at in some],
                    vectors[some],
                    [hashes[at] for at in some],
                )

        n_stored += db.retry_deadlocks(store)
    return n_stored


def put_some(
    session: Session,
    space_id: int,
    owner_ids: Sequence[int],
    vectors: NDArray[np.float32],
    hashes: Sequence[bytes],
) -> int:
    """Store vectors in the caller's transaction, as `put_vectors` does."""
    space = queries.hold_on_shelf(session, space_id)
    if space is None:
        raise NotFound("space", space_id)
    return queries.store_given(session, space, owner_ids=owner_ids, vectors=vectors, hashes=hashes)


def read_vectors(
    session: Session, space: Space, *, owner_ids: Sequence[int] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return owners and their vectors, as rows; of these owners as far as they have one, or all."""
    parts = list(queries.stream_vectors(session, space, owner_ids=owner_ids))
    if not parts:
        return np.empty(0, np.int64), np.empty((0, space.dimension), np.float32)
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([rows for _, rows in parts])


def find_space(session: Session, space_id: int) -> Space | None:
    """Return a space as it is in this transaction."""
    return shelves.find_space(session, space_id)


def count_vectors(session: Session, space: Space) -> int:
    """Return how many vectors a space holds."""
    return queries.count_vectors(session, space)


def set_status(session: Session, space_id: int, status: str) -> None:
    """Say how a space stands: building, live or retired."""
    queries.set_status(session, space_id=space_id, status=status)


def index_if_large(session: Session, space_id: int, *, n_rows: int) -> int | None:
    """Ask for a shelf and an index of its own for a space of so many rows; None if it is small.

    Searches are exact until the run has ended.
    """
    space = shelves.find_space(session, space_id)
    if space is None or n_rows <= get_config().shelf_rows:
        return None
    return start_run(
        session,
        workspace_id=space.workspace_id,
        kind=RunKind.GROW_SPACE,
        subject=subject_of(space),
        arguments={"space_id": space_id},
    )


def remove_space(space_id: int) -> None:
    """Remove a space with its vectors and its shelf; nothing happens for one that is gone.

    May be repeated after any interruption. Nobody may be searching it any more.
    """
    with db.reading() as session:
        space = shelves.find_space(session, space_id)
    if space is None:
        return
    # First of all rows: those on the shelf of its own go with that.
    if space.shelf_id == SHARED_SHELF:
        db.in_batches(
            lambda session, size: queries.delete_some(session, space, limit=size),
            size=DELETED_AT_ONCE,
        )
    with db.autocommit() as connection:
        own = space.id if space.shelf_id == SHARED_SHELF else space.shelf_id
        drop_shelf(connection, kind=space.kind, shelf_id=own)
    with db.writing() as session:
        queries.delete_space(session, space_id)


def stream_vectors(
    session: Session, space: Space
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield owners of a space and their vectors, as rows, some megabytes at once."""
    return queries.stream_vectors(session, space)
