"""All SQL about collections, and about removing everything of one."""

from collections.abc import Collection as Some
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.runs.kinds import UNFINISHED
from embedhub.tables import Collection, Run, Space

# Run by every search: made once.
FIND = select(Collection).where(
    Collection.workspace_id == bindparam("workspace_id"),
    Collection.slug == bindparam("slug"),
    Collection.deleted_at.is_(None),
)


def insert_collection(session: Session, **columns: Any) -> Collection | None:
    """Insert a collection and return it; None if its slug is taken in its workspace.

    The clash is the one that uq_collections_workspace_id_slug forbids, and no other.
    """
    statement = (
        insert(Collection)
        .values(**columns)
        .on_conflict_do_nothing(
            index_elements=["workspace_id", "slug"], index_where=text("deleted_at IS NULL")
        )
        .returning(Collection)
    )
    return session.scalars(statement).one_or_none()


def count_collections(session: Session, *, workspace_id: int) -> int:
    """Return how many collections a workspace has."""
    statement = select(func.count()).where(
        Collection.workspace_id == workspace_id, Collection.deleted_at.is_(None)
    )
    return session.scalars(statement).one()


def find_collection(session: Session, *, workspace_id: int, slug: str) -> Collection | None:
    """Return a workspace's collection of this slug, if there is one that is not being deleted."""
    return session.scalars(FIND, {"workspace_id": workspace_id, "slug": slug}).one_or_none()


def list_collections(
    session: Session,
    *,
    workspace_id: int,
    collection_ids: Some[int] | None,
    after: int,
    limit: int,
) -> Sequence[Collection]:
    """Return a workspace's collections by id; None for `collection_ids` means all of them."""
    statement = select(Collection).where(
        Collection.workspace_id == workspace_id,
        Collection.deleted_at.is_(None),
        Collection.id > after,
    )
    if collection_ids is not None:
        statement = statement.where(Collection.id.in_(collection_ids))
    return session.scalars(statement.order_by(Collection.id).limit(limit)).all()


def find_by_id(session: Session, collection_id: int) -> Collection | None:
    """Return the collection of this id unless it is being deleted: for the workers."""
    statement = select(Collection).where(
        Collection.id == collection_id, Collection.deleted_at.is_(None)
    )
    return session.scalars(statement).one_or_none()


def dense_geometry(session: Session, collection_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Return dimension and metric of the live dense space of each of these collections."""
    statement = select(Space.collection_id, Space.dimension, Space.metric).where(
        Space.collection_id.in_(collection_ids),
        Space.kind == "dense",
        Space.subject == "chunk",
        Space.status == "live",
    )
    return {row.collection_id: (row.dimension, row.metric) for row in session.execute(statement)}


def update_collection(
    session: Session, *, workspace_id: int, collection_id: int, **columns: Any
) -> Collection:
    """Change columns of a collection that is held, and return it."""
    statement = (
        update(Collection)
        .where(Collection.id == collection_id, Collection.workspace_id == workspace_id)
        .values(**columns)
        .returning(Collection)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def mark_deleted(session: Session, *, workspace_id: int, collection_id: int) -> bool:
    """Hide a collection, which frees its slug; False if somebody else did."""
    db.take_turn(session, db.Turn.COLLECTION, collection_id)
    statement = (
        update(Collection)
        .where(
            Collection.workspace_id == workspace_id,
            Collection.id == collection_id,
            Collection.deleted_at.is_(None),
        )
        .values(deleted_at=func.now())
        .returning(Collection.id)
    )
    return session.scalars(statement).one_or_none() is not None


def deleted_collections(session: Session, *, pause: timedelta, limit: int) -> list[tuple[int, int]]:
    """Return (workspace, collection) of what is hidden, and no run removes or tried to lately."""
    subject = func.concat("collection ", Collection.id)
    of_kind = (Run.kind == "delete_collection", Run.subject == subject)
    # Two questions: each has an index of its own.
    tried = exists().where(
        *of_kind, Run.workspace_id == Collection.workspace_id, Run.finished_at > func.now() - pause
    )
    removed = exists().where(*of_kind, Run.status.in_(UNFINISHED))
    statement = (
        select(Collection.workspace_id, Collection.id)
        .where(Collection.deleted_at.is_not(None), ~tried, ~removed)
        .order_by(Collection.id)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class SpaceOnShelf:
    """Where the vectors of one space lie."""

    id: int
    kind: str
    shelf_id: int


def is_deleted(session: Session, collection_id: int) -> bool:
    """Say whether this collection exists and is hidden."""
    statement = select(Collection.id).where(
        Collection.id == collection_id, Collection.deleted_at.is_not(None)
    )
    return session.scalars(statement).one_or_none() is not None


def workspace_of(session: Session, collection_id: int) -> int:
    """Return whose a collection is."""
    statement = select(Collection.workspace_id).where(Collection.id == collection_id)
    return session.scalars(statement).one()


def hold_collection(session: Session, collection_id: int) -> None:
    """Wait for those who are adding to the collection, and let nobody add more."""
    db.take_turn(session, db.Turn.COLLECTION, collection_id)
    session.execute(select(Collection.id).where(Collection.id == collection_id).with_for_update())


def hold_spaces(session: Session, collection_id: int) -> list[SpaceOnShelf]:
    """Return the collection's spaces, held on their shelves until the transaction ends."""
    ids = session.scalars(select(Space.id).where(Space.collection_id == collection_id)).all()
    db.share_turn(session, db.Turn.SPACE, ids)
    statement = text(
        "SELECT id, kind, shelf_id FROM spaces WHERE collection_id = :id ORDER BY id FOR SHARE"
    )
    return [SpaceOnShelf(*row) for row in session.execute(statement, {"id": collection_id})]


def count_rows(session: Session, collection_id: int) -> int:
    """Return how many chunks and documents a collection holds."""
    statement = text(
        "SELECT (SELECT count(*) FROM chunks WHERE collection_id = :id)"
        " + (SELECT count(*) FROM documents WHERE collection_id = :id)"
    )
    return int(session.execute(statement, {"id": collection_id}).scalar_one())


def delete_chunks(session: Session, collection_id: int, *, limit: int, after: int = 0) -> list[int]:
    """Delete the first chunks behind an id, in id order, and return which they were.

    `after` spares the index from passing by what was deleted just before.
    """
    return _delete_first("chunks", session, collection_id, limit=limit, after=after)


def delete_vectors(
    session: Session, spaces: Sequence[SpaceOnShelf], owner_ids: Sequence[int]
) -> None:
    """Delete the vectors and the ledger's rows of owners that are gone."""
    for space in spaces:
        table = "embeddings" if space.kind == "dense" else "sparse_embeddings"
        session.execute(
            text(
                f"DELETE FROM {table} WHERE shelf_id = :shelf_id AND space_id = :space_id"
                " AND owner_id = ANY(:owner_ids)"
            ),
            {"shelf_id": space.shelf_id, "space_id": space.id, "owner_ids": list(owner_ids)},
        )
    session.execute(
        text("DELETE FROM pending WHERE space_id = ANY(:spaces) AND owner_id = ANY(:owner_ids)"),
        {"spaces": [space.id for space in spaces], "owner_ids": list(owner_ids)},
    )


def delete_documents(
    session: Session, collection_id: int, *, limit: int, after: int = 0
) -> list[int]:
    """Delete the first documents behind an id with their versions; return which they were."""
    return _delete_first("documents", session, collection_id, limit=limit, after=after)


def _delete_first(
    table: str, session: Session, collection_id: int, *, limit: int, after: int
) -> list[int]:
    # An array is made once: a join may ask a subquery with a limit again, and get other rows.
    statement = text(f"""
        DELETE FROM {table} WHERE id = ANY(ARRAY(
          SELECT id FROM {table} WHERE collection_id = :id AND id > :after
          ORDER BY id LIMIT :limit FOR UPDATE))
        RETURNING id
    """)
    facts = {"id": collection_id, "limit": limit, "after": after}
    return sorted(session.scalars(statement, facts))


def delete_counts(session: Session, space_ids: Sequence[int], *, limit: int) -> int:
    """Delete some of the counts kept about these spaces; return how many."""
    n_deleted = 0
    for table in ("term_deltas", "size_deltas"):
        statement = text(
            f"DELETE FROM {table} WHERE id = ANY(ARRAY(SELECT id FROM {table}"
            " WHERE space_id = ANY(:spaces) LIMIT :limit)) RETURNING id"
        )
        found = session.scalars(statement, {"spaces": list(space_ids), "limit": limit})
        n_deleted += len(found.all())
    return n_deleted


def delete_collection(session: Session, collection_id: int) -> None:
    """Delete the row of a collection and those of its spaces."""
    session.execute(
        text("DELETE FROM collections WHERE id = :id AND deleted_at IS NOT NULL"),
        {"id": collection_id},
    )
