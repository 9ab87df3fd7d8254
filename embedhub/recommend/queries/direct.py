"""Statements that every list needs: written once, several on their way at a time, read in binary.

For these SQLAlchemy takes longer than Postgres. They run in the session's transaction and fail with
its errors.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import psycopg
from sqlalchemy import Dialect, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

Read = TypeVar("Read")
DIALECT: Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Question(Generic[Read]):
    """A statement with its parameters, and what its rows are read as."""

    sql: bytes
    facts: Mapping[str, Any]
    read: Callable[[Sequence[Any]], Read]


class Ask(Protocol):
    """Sends a question and returns at once; what it returns waits for the answer and reads it."""

    def __call__(self, question: Question[Read], /) -> Callable[[], Read]: ...


def written(statement: Select[Any]) -> bytes:
    """Return the SQL of a statement whose parameters have names."""
    return str(statement.compile(dialect=DIALECT)).encode()


def ask(session: Session, question: Question[Read]) -> Read:
    """Return the answer to one question."""
    with _errors_of_session(), _connection(session).cursor(binary=True) as cursor:
        cursor.execute(question.sql, question.facts)
        return question.read(cursor.fetchall())


@contextmanager
def conversation(session: Session) -> Iterator[Ask]:
    """Send questions without waiting for the answers, which come in the order of the questions."""
    connection = _connection(session)

    def send(question: Question[Read]) -> Callable[[], Read]:
        cursor = connection.cursor(binary=True)
        cursor.execute(question.sql, question.facts)
        return lambda: question.read(cursor.fetchall())

    with _errors_of_session(), connection.pipeline():
        yield send


def _connection(session: Session) -> "psycopg.Connection[Any]":
    found = session.connection().connection.driver_connection
    return cast("psycopg.Connection[Any]", found)


@contextmanager
def _errors_of_session() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from error
