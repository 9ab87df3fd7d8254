"""Rows into tables by COPY in its binary format, inside the transaction of a session.

A row costs the server a twentieth of what a parameter list or a JSON document of it costs. The
encoders below are PostgreSQL's own binary forms (`typreceive`), each with its length in front.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import orjson
import psycopg
from numpy.typing import NDArray
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
# Written to the connection at once: large enough to be cheap, small enough to stay in memory.
WRITE_BYTES = 1 << 20
TEXT_OID = 25
INT4_OID = 23
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

_LENGTH = struct.Struct(">i")
_INT2 = struct.Struct(">ih")
_INT4 = struct.Struct(">ii")
_INT8 = struct.Struct(">iq")
_FLOAT8 = struct.Struct(">id")
_FLOAT4 = struct.Struct(">if")
_FIELDS = struct.Struct(">h")
_ARRAY = struct.Struct(">iiiii")
_VECTOR = struct.Struct(">ihh")
_SPARSE = struct.Struct(">iiii")
# An empty jsonb object, an empty tsvector.
NO_FIELDS = _LENGTH.pack(3) + b"\x01{}"
NO_WORDS = _INT4.pack(4, 0)
TRUE, FALSE = _LENGTH.pack(1) + b"\x01", _LENGTH.pack(1) + b"\x00"


def copy_rows(
    session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[bytes]]
) -> None:
    """Copy rows of encoded fields into a table; raises what an INSERT of them would raise.

    `table` and `columns` are names from the code, never a caller's.
    """
    count = field_count(columns)
    copy_ready(session, table, columns, (count + b"".join(row) for row in rows))


def field_count(columns: Sequence[str]) -> bytes:
    """Return what stands before the fields of a row."""
    return _FIELDS.pack(len(columns))


def copy_ready(session: Session, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Copy rows, each joined with its field count in front; as `copy_rows` else.

    For rows made ready before the transaction that stores them began.
    """
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError("COPY needs a connection of psycopg")
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            waiting, n_bytes = [HEADER], 0
            for row in rows:
                waiting.append(row)
                n_bytes += len(row)
                if n_bytes >= WRITE_BYTES:
                    copy.write(b"".join(waiting))
                    waiting, n_bytes = [], 0
            waiting.append(TRAILER)
            copy.write(b"".join(waiting))
    except psycopg.Error as error:
        # As SQLAlchemy's own errors, so that deadlocks are retried and problems mapped as ever.
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True
        ) from error


@contextmanager
def foreign_keys_planned_once(session: Session) -> Iterator[None]:
    """Let the checks of foreign keys, one for each row, keep their plans within the block.

    For tables without partitions, which the connection's setting is for: planned for each row
    anew, the checks took three quarters of a load.
    """
    _set_plans(session, "auto")
    yield
    # After an error the transaction is over, and the setting with it.
    _set_plans(session, "force_custom_plan")


def _set_plans(session: Session, mode: str) -> None:
    session.connection().exec_driver_sql(f"SET LOCAL plan_cache_mode = {mode}")


def int2(value: int) -> bytes:
    """Return a smallint field."""
    return _INT2.pack(2, value)


def int4(value: int) -> bytes:
    """Return an integer field."""
    return _INT4.pack(4, value)


def int8(value: int | None) -> bytes:
    """Return a bigint field."""
    return NULL if value is None else _INT8.pack(8, value)


def float8(value: float) -> bytes:
    """Return a double precision field."""
    return _FLOAT8.pack(8, value)


def float4(value: float | None) -> bytes:
    """Return a real field; None, and what is no number, is null."""
    # Not a number is the only value that differs from itself.
    return NULL if value is None or value != value else _FLOAT4.pack(4, value)  # noqa: PLR0124


def boolean(value: bool) -> bytes:
    """Return a boolean field."""
    return TRUE if value else FALSE


def uuid_field(value: UUID | None) -> bytes:
    """Return a uuid field."""
    return NULL if value is None else _LENGTH.pack(16) + value.bytes


def raw(value: bytes | None) -> bytes:
    """Return a bytea field."""
    return NULL if value is None else _LENGTH.pack(len(value)) + value


def string(value: str | None) -> bytes:
    """Return a text field."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def jsonb(value: object) -> bytes:
    """Return a jsonb field of a value that JSON can write."""
    if value == {}:
        return NO_FIELDS
    encoded = orjson.dumps(value)
    return _LENGTH.pack(len(encoded) + 1) + b"\x01" + encoded


def string_array(values: Sequence[str] | None) -> bytes:
    """Return a text[] field; an empty list stays an empty array."""
    if values is None:
        return NULL
    if not values:
        return raw(struct.pack(">iii", 0, 0, TEXT_OID))
    elements = b"".join(string(value) for value in values)
    return raw(_ARRAY.pack(1, 0, TEXT_OID, len(values), 1) + elements)


def int4_array(values: Sequence[int] | None) -> bytes:
    """Return an integer[] field of at least one element."""
    if values is None:
        return NULL
    return raw(_ARRAY.pack(1, 0, INT4_OID, len(values), 1) + b"".join(map(int4, values)))


def timestamp(value: datetime | None) -> bytes:
    """Return a timestamptz field."""
    if value is None:
        return NULL
    since = value - POSTGRES_EPOCH
    return _INT8.pack(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def no_weights(dimension: int) -> bytes:
    """Return a sparsevec field without a value other than zero."""
    return _SPARSE.pack(12, dimension, 0, 0)


def vectors(values: Sequence[NDArray[np.float32]]) -> list[bytes]:
    """Return pgvector fields of vectors of one dimension."""
    if not values:
        return []
    matrix = np.asarray(values).astype(">f4")
    dimension = matrix.shape[1]
    head = _VECTOR.pack(4 + 4 * dimension, dimension, 0)
    return [head + row.tobytes() for row in matrix]
