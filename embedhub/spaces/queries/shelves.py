"""The SQL of shelves: which spaces outgrew the shared one, and moving their rows."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, Text, column, select, text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.spaces.queries.loading import LOADING, patience
from embedhub.tables import Catalog, Collection, Space
from embedhub.tables.spaces import SHARED_SHELF

# Every space kind and the table whose partitions are its shelves.
TABLES = {"dense": "embeddings", "sparse": "sparse_embeddings"}


def outgrown_spaces(session: Session, *, rows: int) -> Sequence[Space]:
    """Return spaces with more rows on the shared shelf, or on a shelf without its index."""
    # Every chunk that answers is a row of the sparse space, whose rows are counted already: only
    # collections that are large by this count have their vectors counted, and no further than need
    # be. Counting the whole shared shelf took seconds.
    statement = text(f"""
        WITH large AS (
          SELECT s.collection_id, s.catalog_id FROM spaces s
          JOIN size_deltas d ON d.space_id = s.id
          WHERE s.kind = 'sparse' GROUP BY s.id HAVING sum(d.rows) > :rows)
        SELECT s.id FROM spaces s LEFT JOIN large
          ON large.collection_id = s.collection_id OR large.catalog_id = s.catalog_id
        WHERE s.shelf_id = :shared
          -- Nobody counts the words of users.
          AND (num_nonnulls(large.collection_id, large.catalog_id) > 0 OR s.subject = 'user')
          AND (s.kind = 'sparse' OR EXISTS (
            SELECT FROM embeddings e WHERE e.shelf_id = :shared AND e.space_id = s.id
            OFFSET :rows LIMIT 1))
        UNION ALL
        SELECT s.id FROM spaces s
        WHERE s.shelf_id <> :shared AND NOT s.is_indexed AND NOT EXISTS ({LOADING})
    """)
    facts = {"rows": rows, "shared": SHARED_SHELF} | patience()
    ids = session.execute(statement, facts).scalars().all()
    return (
        session.execute(select(Space).where(Space.id.in_(ids)).order_by(Space.id)).scalars().all()
    )


def indexed_shelves(session: Session) -> list[tuple[Space, Collection | Catalog | None, list[str]]]:
    """Return the spaces on indexed shelves of their own, whose they are, and valid indexes.

    Left out are those of collections or catalogs that are being removed, or that an import goes
    into.
    """
    statement = text(f"""
        SELECT s.id, ARRAY(
          SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
          WHERE x.indisvalid AND x.indrelid = to_regclass('vectors.' || CASE s.kind
            WHEN 'dense' THEN '{TABLES["dense"]}_' ELSE '{TABLES["sparse"]}_' END || s.shelf_id))
            AS names
        FROM spaces s LEFT JOIN collections c ON c.id = s.collection_id
        LEFT JOIN catalogs g ON g.id = s.catalog_id
        WHERE s.shelf_id <> :shared AND s.is_indexed AND c.deleted_at IS NULL
          AND g.deleted_at IS NULL
          AND NOT EXISTS ({LOADING})
    """)
    found = statement.columns(column("id"), column("names", ARRAY(Text))).subquery("found")
    rows = session.execute(
        select(Space, Collection, Catalog, found.c.names)
        .join(found, found.c.id == Space.id)
        .outerjoin(Collection, Collection.id == Space.collection_id)
        .outerjoin(Catalog, Catalog.id == Space.catalog_id)
        .order_by(Space.id),
        {"shared": SHARED_SHELF} | patience(),
    )
    return [(space, collection or catalog, names) for space, collection, catalog, names in rows]


def find_space(session: Session, space_id: int) -> Space | None:
    """Return the space as it is in this transaction."""
    return session.get(Space, space_id)


def hold_space(session: Session, space_id: int) -> Space | None:
    """Return the space, held so that nobody stores into it until the transaction ends."""
    db.take_turn(session, db.Turn.SPACE, space_id)
    statement = select(Space).where(Space.id == space_id).with_for_update()
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()


def move_rows(session: Session, *, space: Space, shelf_id: int) -> int:
    """Move a held space's rows to a shelf and point the space at it; return the rows moved."""
    session.execute(text("SET LOCAL statement_timeout = 0"))
    moved = session.execute(
        text(
            f"UPDATE {TABLES[space.kind]} SET shelf_id = :to"
            " WHERE shelf_id = :from AND space_id = :space_id"
        ),
        {"to": shelf_id, "from": space.shelf_id, "space_id": space.id},
    ).rowcount  # type: ignore[attr-defined]
    session.execute(
        text("UPDATE spaces SET shelf_id = :to, is_indexed = false WHERE id = :space_id"),
        {"to": shelf_id, "space_id": space.id},
    )
    return int(moved)


def mark_indexed(session: Session, *, space_id: int, shelf_id: int) -> None:
    """Let queries use the shelf's index."""
    session.execute(
        text("UPDATE spaces SET is_indexed = true WHERE id = :id AND shelf_id = :shelf_id"),
        {"id": space_id, "shelf_id": shelf_id},
    )


def set_precision(session: Session, *, space_id: int, precision: str) -> None:
    """Let queries ask for the index of this precision."""
    session.execute(
        text("UPDATE spaces SET precision = :precision WHERE id = :id"),
        {"id": space_id, "precision": precision},
    )
