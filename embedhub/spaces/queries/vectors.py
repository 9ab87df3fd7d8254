"""The SQL of vectors of items and users that no encoder made: factors, and what others publish."""

from collections.abc import Iterator, Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.bulk_copy import copy_rows, int8, raw
from embedhub.bulk_copy import vectors as pack_vectors
from embedhub.spaces.queries.copies import NUMBERED, UNNUMBERED, is_numbered
from embedhub.spaces.queries.generations import delete_vectors
from embedhub.spaces.queries.members import OWNERS, REPEATED
from embedhub.tables import Space

GIVEN_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS given_vectors
      (owner_id bigint, vector vector, input_hash bytea) ON COMMIT DELETE ROWS
"""
HEADER_BYTES, TRAILER_BYTES = 19, 2
READ_BYTES = 1 << 22


def hold_on_shelf(session: Session, space_id: int) -> Space | None:
    """Return a space, kept on its shelf until the transaction ends; None if it is gone."""
    db.share_turn(session, db.Turn.SPACE, [space_id])
    statement = select(Space).where(Space.id == space_id).with_for_update(read=True)
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()


def store_given(
    session: Session,
    space: Space,
    *,
    owner_ids: Sequence[int],
    vectors: NDArray[np.float32],
    hashes: Sequence[bytes],
) -> int:
    """Store vectors of owners that exist, in place of older ones; return how many.

    What filters see of the owners is repeated. The caller holds the space on its shelf.
    """
    session.execute(text(GIVEN_TABLE))
    session.execute(text("DELETE FROM given_vectors"))
    packed = pack_vectors(list(vectors))
    rows = (
        (int8(owner_id), vector, raw(input_hash))
        for owner_id, vector, input_hash in zip(owner_ids, packed, hashes, strict=True)
    )
    copy_rows(session, "given_vectors", ("owner_id", "vector", "input_hash"), rows)
    place = {"shelf_id": space.shelf_id, "space_id": space.id}
    old = session.execute(
        text(
            "SELECT owner_id FROM embeddings WHERE shelf_id = :shelf_id AND space_id = :space_id"
            " AND owner_id = ANY(:ids) ORDER BY owner_id"
        ),
        place | {"ids": list(owner_ids)},
    ).scalars()
    if replaced := list(old):
        delete_vectors(session, shelf_id=space.shelf_id, space_id=space.id, owner_ids=replaced)
    numbered = NUMBERED if is_numbered(session, space.shelf_id) else UNNUMBERED
    statement = text(f"""
        WITH ready (id, access, attributes, vector, input_hash) AS MATERIALIZED (
          SELECT m.id, {", ".join(REPEATED[space.subject])}, g.vector, g.input_hash
          FROM given_vectors g JOIN {OWNERS[space.subject]} m ON m.id = g.owner_id
           AND m.catalog_id = :catalog_id
          ORDER BY m.id FOR SHARE OF m),
        {numbered.format(rows="ready")}
        INSERT INTO embeddings (shelf_id, space_id, owner_id, access, attributes, vector,
                                input_hash, copy)
        SELECT :shelf_id, :space_id, ready.*, copy FROM ready JOIN numbered USING (id)
        ON CONFLICT (shelf_id, space_id, owner_id) DO NOTHING
    """)
    done = session.execute(statement, place | {"catalog_id": space.catalog_id})
    return done.rowcount  # type: ignore[attr-defined, no-any-return]


def stream_vectors(
    session: Session, space: Space, *, owner_ids: Sequence[int] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield owners and their vectors (rows), some megabytes at once; of these owners, or all."""
    chosen = (
        sql.SQL("")
        if owner_ids is None
        else sql.SQL(" AND owner_id = ANY({})").format(sql.Literal(list(owner_ids)))
    )
    statement = sql.SQL(
        "COPY (SELECT owner_id, vector FROM embeddings WHERE shelf_id = {shelf_id}"
        " AND space_id = {space_id}{chosen}) TO STDOUT (FORMAT BINARY)"
    ).format(shelf_id=sql.Literal(space.shelf_id), space_id=sql.Literal(space.id), chosen=chosen)
    row = np.dtype(
        [
            ("n_fields", ">i2"), ("owner_bytes", ">i4"), ("owner", ">i8"),
            ("vector_bytes", ">i4"), ("dimension", ">i2"), ("unused", ">i2"),
            ("vector", ">f4", (space.dimension,)),
        ]
    )  # fmt: skip
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError("COPY needs a connection of psycopg")
    waiting, has_header = bytearray(), True
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for data in copy:
            waiting += data
            if has_header and len(waiting) >= HEADER_BYTES:
                del waiting[:HEADER_BYTES]
                has_header = False
            if len(waiting) >= READ_BYTES:
                n_bytes = len(waiting) // row.itemsize * row.itemsize
                yield _decoded(bytes(waiting[:n_bytes]), row)
                del waiting[:n_bytes]
    if whole := bytes(waiting[: len(waiting) - TRAILER_BYTES]):
        yield _decoded(whole, row)


def _decoded(data: bytes, row: np.dtype) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rows = np.frombuffer(data, row)
    if (rows["dimension"] != row["vector"].shape[0]).any():
        raise ValueError("a vector has another dimension than its space")
    return rows["owner"].astype(np.int64), rows["vector"].astype(np.float32)


def count_vectors(session: Session, space: Space) -> int:
    """Return how many vectors a space holds."""
    statement = text(
        "SELECT count(*) FROM embeddings WHERE shelf_id = :shelf_id AND space_id = :space_id"
    )
    facts = {"shelf_id": space.shelf_id, "space_id": space.id}
    return int(session.execute(statement, facts).scalar_one())


def set_status(session: Session, *, space_id: int, status: str) -> None:
    """Say how a space stands: building, live or retired."""
    session.execute(
        text("UPDATE spaces SET status = :status WHERE id = :id"),
        {"id": space_id, "status": status},
    )


def delete_some(session: Session, space: Space, *, limit: int) -> int:
    """Delete some vectors of a space that nobody searches any more; return how many."""
    statement = text("""
        DELETE FROM embeddings WHERE shelf_id = :shelf_id AND space_id = :space_id
          AND owner_id = ANY(ARRAY(
            SELECT owner_id FROM embeddings
            WHERE shelf_id = :shelf_id AND space_id = :space_id LIMIT :limit))
        RETURNING 1
    """)
    facts = {"shelf_id": space.shelf_id, "space_id": space.id, "limit": limit}
    return len(session.execute(statement, facts).all())


def delete_space(session: Session, space_id: int) -> None:
    """Delete the row of a space."""
    session.execute(text("DELETE FROM spaces WHERE id = :id"), {"id": space_id})
