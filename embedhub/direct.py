"""Statements that every search or list runs: written once, several on their way at a time, binary.

For these SQLAlchemy takes longer than Postgres. They run in the session's transaction and fail with
its errors.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import psycopg
from sqlalchemy import Dialect, Select, TextClause
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


def written(statement: Select[Any] | TextClause) -> bytes:
    """Return the SQL of a statement whose parameters have names; raises ValueError for others."""
    compiled = statement.compile(dialect=DIALECT)
    if any(value is not None for value in compiled.params.values()):
        raise ValueError("a value of this statement would be lost")
    return str(compiled).encode()


def ask(session: Session, question: Question[Read]) -> Read:
    """Return the answer to one question."""
    with _errors_of_session(), _connection(session).cursor(binary=True) as cursor:
        _tell_listeners(session, cursor, question)
        cursor.execute(question.sql, question.facts)
        return question.read(cursor.fetchall())


@contextmanager
def conversation(session: Session) -> Iterator[Ask]:
    """Send questions without waiting for the answers, which come in the order of the questions."""
    connection = _connection(session)

    def send(question: Question[Read]) -> Callable[[], Read]:
        cursor = connection.cursor(binary=True)
        _tell_listeners(session, cursor, question)
        cursor.execute(question.sql, question.facts)
        return lambda: question.read(cursor.fetchall())

    with _errors_of_session(), connection.pipeline():
        yield send


def _tell_listeners(session: Session, cursor: Any, question: Question[Any]) -> None:
    """Let those who listen to the engine's statements hear of one that goes past it."""
    connection = session.connection()
    for hear in connection.dispatch.before_cursor_execute:
        hear(connection, cursor, question.sql.decode(), question.facts, None, False)


def _connection(session: Session) -> "psycopg.Connection[Any]":
    found = session.connection().connection.driver_connection
    return cast("psycopg.Connection[Any]", found)


@contextmanager
def _errors_of_session() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from error
