"""Ids as parameters: thousands of them cost more to hand over one by one than to be looked up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    LargeBinary,
    Text,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
)

EMPTY: ColumnElement[bytes] = literal_column("''::bytea")


def array(ids: Sequence[int]) -> str:
    """Return ids as Postgres writes an array."""
    return f"{{{','.join(map(str, ids))}}}"


def ids_of(name: str) -> Any:
    """Return the parameter of this name, written by `array`, as an array of ids."""
    return cast(bindparam(name, type_=Text), ARRAY(BigInteger))


def listed(ids: Sequence[int]) -> Any:
    """Return ids as an array in a statement that is made for them."""
    return cast(literal(array(ids), Text), ARRAY(BigInteger))


def packed(column: Any) -> Any:
    """Return a column of binary values, end to end in one."""
    return func.coalesce(func.string_agg(column, EMPTY, type_=LargeBinary), EMPTY)
