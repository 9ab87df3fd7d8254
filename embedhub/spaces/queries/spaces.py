"""The SQL of the space rows themselves, and of what is known about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.tables import Catalog, Collection, Space
from embedhub.tables.spaces import SHARED_SHELF

# Run by every search: made once.
OF_COLLECTION = (
    select(Space)
    .where(
        Space.workspace_id == bindparam("workspace_id"),
        Space.collection_id == bindparam("collection_id"),
        Space.subject == "chunk",
    )
    .order_by(Space.id)
)


@dataclass(frozen=True, slots=True)
class CollectionCounts:
    """How far the embedding of one collection is."""

    n_documents: int
    n_chunks: int
    n_embedded: int
    n_pending: int
    n_dead: int
    n_waiting_updates: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A chunk whose vector could not be made, and why."""

    space_id: int
    chunk_id: int
    external_id: str
    position: int
    reason: str
    attempts: int
    dead_at: datetime


def insert_space(session: Session, **columns: object) -> int:
    """Insert a space and return its id."""
    return session.execute(insert(Space).values(**columns).returning(Space.id)).scalar_one()


def spaces_of_collection(session: Session, *, workspace_id: int, collection_id: int) -> list[Space]:
    """Return the chunk spaces of a collection, whatever their status."""
    facts = {"workspace_id": workspace_id, "collection_id": collection_id}
    return list(session.execute(OF_COLLECTION, facts).scalars())


def owner_of(session: Session, space: Space) -> Collection | Catalog | None:
    """Return the collection or catalog whose vectors a space holds."""
    if space.collection_id is not None:
        return session.get(Collection, space.collection_id)
    return session.get(Catalog, space.catalog_id) if space.catalog_id is not None else None


def spaces_on_own_shelves(session: Session, *, collection_id: int) -> list[Space]:
    """Return the spaces of a collection that have a shelf of their own."""
    statement = select(Space).where(
        Space.collection_id == collection_id, Space.shelf_id != SHARED_SHELF
    )
    return list(session.execute(statement.order_by(Space.id)).scalars())


def lock_collection_spaces(session: Session, *, collection_id: int) -> list[Space]:
    """Return a collection's chunk spaces, held on their shelves until the transaction ends."""
    chosen = (Space.collection_id == collection_id, Space.subject == "chunk")
    ids = session.execute(select(Space.id).where(*chosen)).scalars().all()
    db.share_turn(session, db.Turn.SPACE, ids)
    statement = (
        select(Space)
        .where(*chosen)
        .order_by(Space.id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    return list(session.execute(statement).scalars())


def collections_of_documents(session: Session, document_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return document ids by the collection that holds them."""
    statement = text(
        "SELECT collection_id, array_agg(id ORDER BY id) FROM documents"
        " WHERE id = ANY(:ids) GROUP BY collection_id"
    )
    rows = session.execute(statement, {"ids": list(document_ids)})
    return {row[0]: row[1] for row in rows}


def collection_counts(
    session: Session, *, workspace_id: int, collection_id: int
) -> CollectionCounts:
    """Count documents, chunks that answer, their vectors, and what is pending or dead."""
    live = select(Space.id, Space.shelf_id).where(
        Space.workspace_id == workspace_id,
        Space.collection_id == collection_id,
        Space.subject == "chunk",
        Space.kind == "dense",
        Space.status == "live",
    )
    # The shelf by number: joined to the space's row, every partition there is would be locked.
    space_id, shelf_id = session.execute(live).one_or_none() or (None, None)
    statement = text("""
        SELECT
          (SELECT count(*) FROM documents WHERE workspace_id = :workspace_id
             AND collection_id = :collection_id),
          (SELECT count(*) FROM documents d
             JOIN chunks c ON c.document_id = d.id AND c.generation = d.live_generation
             WHERE d.workspace_id = :workspace_id AND d.collection_id = :collection_id),
          (SELECT count(*) FROM embeddings WHERE shelf_id = :shelf_id AND space_id = :space_id),
          (SELECT count(*) FROM pending WHERE space_id = :space_id AND dead_at IS NULL),
          (SELECT count(*) FROM pending WHERE space_id = :space_id AND dead_at IS NOT NULL),
          (SELECT count(*) FROM documents WHERE workspace_id = :workspace_id
             AND collection_id = :collection_id AND generation <> live_generation)
    """)
    facts = {
        "workspace_id": workspace_id,
        "collection_id": collection_id,
        "shelf_id": shelf_id,
        "space_id": space_id,
    }
    return CollectionCounts(*session.execute(statement, facts).one())


def dead_letters(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int | None,
    principals: Sequence[str] | None,
    after: int,
    limit: int,
) -> list[DeadLetter]:
    """Return the dead rows that these principals may see, of a workspace or a collection of it."""
    statement = text("""
        SELECT p.space_id, c.id, d.external_id, c.position, coalesce(p.last_error, ''),
               p.attempts, p.dead_at
        FROM pending p JOIN chunks c ON c.id = p.owner_id JOIN documents d ON d.id = c.document_id
        JOIN spaces s ON s.id = p.space_id AND s.subject = 'chunk'
        WHERE p.workspace_id = :workspace_id AND p.dead_at IS NOT NULL AND c.id > :after
          AND (CAST(:collection_id AS bigint) IS NULL OR c.collection_id = :collection_id)
          AND (CAST(:principals AS text[]) IS NULL OR d.access IS NULL
               OR d.access && CAST(:principals AS text[]))
        ORDER BY c.id LIMIT :limit
    """)
    facts = {
        "workspace_id": workspace_id,
        "collection_id": collection_id,
        "principals": None if principals is None else list(principals),
        "after": after,
        "limit": limit,
    }
    return [DeadLetter(*row) for row in session.execute(statement, facts)]


def revive(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int | None,
    catalog_id: int | None = None,
    owner_ids: Sequence[int] | None,
) -> int:
    """Give dead rows of a workspace a fresh start; return how many."""
    statement = text("""
        UPDATE pending p SET dead_at = NULL, attempts = 0, not_before = now(), last_error = NULL
        FROM spaces s
        WHERE s.id = p.space_id AND p.workspace_id = :workspace_id AND p.dead_at IS NOT NULL
          AND (CAST(:collection_id AS bigint) IS NULL OR s.collection_id = :collection_id)
          AND (CAST(:catalog_id AS bigint) IS NULL OR s.catalog_id = :catalog_id)
          AND (CAST(:ids AS bigint[]) IS NULL OR p.owner_id = ANY(:ids))
    """)
    facts = {
        "workspace_id": workspace_id,
        "collection_id": collection_id,
        "catalog_id": catalog_id,
        "ids": None if owner_ids is None else list(owner_ids),
    }
    return session.execute(statement, facts).rowcount  # type: ignore[attr-defined, no-any-return]
