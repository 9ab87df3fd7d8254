"""The SQL that stores a version: its row, its arrays, neighbours and priors of its items."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from embedhub.bulk_copy import copy_rows, float8, int4, int8, raw, string
from embedhub.recommend.training_run.artifacts import NeighborRow
from embedhub.tables import Catalog, Item, RecommenderArray, RecommenderVersion, User


def hold_catalog(session: Session, catalog_id: int) -> Catalog | None:
    """Return a catalog that is not being removed, held: one at a time decides on its versions."""
    statement = (
        select(Catalog)
        .where(Catalog.id == catalog_id, Catalog.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    return session.scalars(statement).one_or_none()


def find_catalog(session: Session, catalog_id: int) -> Catalog | None:
    """Return a catalog that is not being removed."""
    statement = select(Catalog).where(Catalog.id == catalog_id, Catalog.deleted_at.is_(None))
    return session.scalars(statement).one_or_none()


def set_training(session: Session, catalog_id: int, wishes: Mapping[str, Any]) -> None:
    """Store when a catalog wants to be trained by itself."""
    session.execute(update(Catalog).where(Catalog.id == catalog_id).values(training=dict(wishes)))


def insert_version(session: Session, *, catalog_id: int, **columns: Any) -> RecommenderVersion:
    """Insert a version under the next number of its held catalog."""
    last = select(func.coalesce(func.max(RecommenderVersion.number), 0) + 1).where(
        RecommenderVersion.catalog_id == catalog_id
    )
    number = session.scalars(last).one()
    statement = insert(RecommenderVersion).values(catalog_id=catalog_id, number=number, **columns)
    return session.scalars(statement.returning(RecommenderVersion)).one()


def update_version(session: Session, version_id: int, **columns: Any) -> None:
    """Change columns of a version."""
    session.execute(
        update(RecommenderVersion).where(RecommenderVersion.id == version_id).values(**columns)
    )


def insert_arrays(
    session: Session, version_id: int, arrays: Mapping[str, NDArray[np.float32]]
) -> None:
    """Store small arrays."""
    rows = [
        {
            "version_id": version_id,
            "name": name,
            "shape": list(array.shape),
            "data": np.ascontiguousarray(array, "<f4").tobytes(),
        }
        for name, array in arrays.items()
    ]
    if rows:
        session.execute(insert(RecommenderArray), rows)


def copy_neighbors(
    session: Session,
    version_id: int,
    source: str,
    rows: Iterable[NeighborRow],
    item_ids: Sequence[int],
) -> None:
    """Store rows of neighbours; `item_ids` are those of the positions."""
    head = int8(version_id), string(source)
    copy_rows(
        session,
        "item_neighbors",
        ("version_id", "source", "item_id", "positions", "weights"),
        (
            (*head, int8(int(item_ids[row])), raw(positions.tobytes()), raw(weights.tobytes()))
            for row, positions, weights in rows
        ),
    )


def copy_priors(
    session: Session,
    version_id: int,
    *,
    item_ids: Sequence[int],
    popularity: NDArray[np.float64],
    n_events: NDArray[np.int64],
) -> None:
    """Store what a version knows of its items, in the order of their positions."""
    version = int8(version_id)
    copy_rows(
        session,
        "item_priors",
        ("version_id", "item_id", "position", "popularity", "n_events"),
        (
            (
                version,
                int8(int(item_id)),
                int4(position),
                float8(float(popularity[position])),
                int4(int(n_events[position])),
            )
            for position, item_id in enumerate(item_ids)
        ),
    )


def items_by_external_id(
    session: Session, *, catalog_id: int, external_ids: Sequence[str]
) -> dict[str, int]:
    """Return the ids of those of these items that a catalog has."""
    statement = select(Item.external_id, Item.id).where(
        Item.catalog_id == catalog_id, Item.external_id.in_(external_ids)
    )
    return {row.external_id: row.id for row in session.execute(statement)}


def users_by_external_id(
    session: Session, *, catalog_id: int, external_ids: Sequence[str]
) -> dict[str, int]:
    """Return the ids of those of these users that a catalog has."""
    statement = select(User.external_id, User.id).where(
        User.catalog_id == catalog_id, User.external_id.in_(external_ids)
    )
    return {row.external_id: row.id for row in session.execute(statement)}


def stored_items(session: Session, version_id: int) -> list[tuple[int, int, float, int]]:
    """Return (position, item, popularity, events) of a version, by position."""
    statement = text("""
        SELECT position, item_id, popularity, n_events FROM item_priors
        WHERE version_id = :id ORDER BY position
    """)
    return [tuple(row) for row in session.execute(statement, {"id": version_id})]


def stored_neighbors(session: Session, version_id: int, source: str) -> list[NeighborRow]:
    """Return the rows of neighbours of a source, by position."""
    statement = text("""
        SELECT p.position, n.positions, n.weights FROM item_neighbors n
        JOIN item_priors p ON p.version_id = n.version_id AND p.item_id = n.item_id
        WHERE n.version_id = :id AND n.source = :source ORDER BY p.position
    """)
    return [
        (row[0], np.frombuffer(row[1], "<i4"), np.frombuffer(row[2], "<f4"))
        for row in session.execute(statement, {"id": version_id, "source": source})
    ]


def delete_rows(session: Session, version_id: int, *, limit: int) -> int:
    """Delete some rows of neighbours and priors of a version; return how many."""
    n_deleted = 0
    for table in ("item_neighbors", "item_priors"):
        statement = text(f"""
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
              SELECT ctid FROM {table} WHERE version_id = :id LIMIT :limit))
            RETURNING 1
        """)
        facts = {"id": version_id, "limit": limit - n_deleted}
        n_deleted += len(session.execute(statement, facts).all())
    return n_deleted


def delete_arrays(session: Session, version_id: int) -> None:
    """Delete the arrays of a version."""
    session.execute(
        text("DELETE FROM recommender_arrays WHERE version_id = :id"), {"id": version_id}
    )
