"""The SQL that reads what users did, in PostgreSQL's binary form: a fifth of the rows' time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from embedhub.tables import User

# One row as COPY sends it: each field behind its length.
ROW = np.dtype(
    [
        ("n_fields", ">i2"),
        ("id_bytes", ">i4"), ("id", ">i8"),
        ("user_bytes", ">i4"), ("user", ">i8"),
        ("item_bytes", ">i4"), ("item", ">i8"),
        ("type_bytes", ">i4"), ("type", ">i4"),
        ("value_bytes", ">i4"), ("value", ">f8"),
        ("time_bytes", ">i4"), ("time", ">f8"),
    ]
)  # fmt: skip
HEADER_BYTES, TRAILER_BYTES = 19, 2
ROWS_AT_ONCE = 65_536
EVENTS = """
    COPY (
      SELECT id, user_id, item_id, array_position({types}, type)::int4, value,
             extract(epoch FROM happened_at)::float8
      FROM interactions WHERE catalog_id = {catalog_id} AND id > {after} AND type = ANY({types})
    ) TO STDOUT (FORMAT BINARY)
"""


@dataclass(frozen=True, slots=True)
class EventRows:
    """Some interactions; `types` count from 0 in the order that was asked for."""

    ids: NDArray[np.int64]
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    types: NDArray[np.int64]
    values: NDArray[np.float64]
    times: NDArray[np.float64]


def id_before_latest(session: Session, *, catalog_id: int, n: int) -> int:
    """Return the id before the latest `n` interactions of a catalog; 0 if there are no more."""
    statement = text("""
        SELECT id FROM interactions WHERE catalog_id = :catalog_id
        ORDER BY catalog_id DESC, id DESC OFFSET :n LIMIT 1
    """)
    found = session.execute(statement, {"catalog_id": catalog_id, "n": n}).scalar_one_or_none()
    return 0 if found is None else int(found)


def stream_events(
    session: Session, *, catalog_id: int, types: Sequence[str], after: int = 0
) -> Iterator[EventRows]:
    """Yield the interactions of these types behind an id, in the order of the table.

    Some ten thousand at once: memory does not grow with the catalog here.
    """
    statement = sql.SQL(EVENTS).format(
        types=sql.Literal(list(types)), catalog_id=sql.Literal(catalog_id), after=sql.Literal(after)
    )
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError("COPY needs a connection of psycopg")
    waiting, n_skipped = bytearray(), 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for data in copy:
            waiting += data
            if not n_skipped and len(waiting) >= HEADER_BYTES:
                del waiting[:HEADER_BYTES]
                n_skipped = HEADER_BYTES
            if len(waiting) >= ROWS_AT_ONCE * ROW.itemsize:
                n_whole = len(waiting) // ROW.itemsize
                yield _decoded(bytes(waiting[: n_whole * ROW.itemsize]))
                del waiting[: n_whole * ROW.itemsize]
    whole = bytes(waiting[: len(waiting) - TRAILER_BYTES])
    if whole:
        yield _decoded(whole)


def external_ids_of_users(session: Session, *, catalog_id: int, ids: Sequence[int]) -> list[str]:
    """Return what the caller calls those of these users that are still there, in this order."""
    statement = select(User.id, User.external_id).where(
        User.catalog_id == catalog_id, User.id.in_(ids)
    )
    found = {row.id: row.external_id for row in session.execute(statement)}
    return [found[id_] for id_ in ids if id_ in found]


def _decoded(data: bytes) -> EventRows:
    rows = np.frombuffer(data, ROW)
    if (rows["n_fields"] != 6).any():
        raise ValueError("interactions came in another form than was asked for")
    return EventRows(
        ids=rows["id"].astype(np.int64),
        users=rows["user"].astype(np.int64),
        items=rows["item"].astype(np.int64),
        types=rows["type"].astype(np.int64) - 1,
        values=rows["value"].astype(np.float64),
        times=rows["time"].astype(np.float64),
    )
