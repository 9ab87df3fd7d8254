"""The engine, and the only place that commits.

`reading()` and `writing()` are one transaction each. `reading()` sees one snapshot and cannot
write. `writing()` commits once at the end and then sends the jobs asked for inside it; an
exception rolls both back.
"""

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import StrEnum
from typing import Any, TypeVar, cast

import orjson
import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from embedhub.config import get_config
from embedhub.disconnects import ended_when_unwanted

AfterCommit = Callable[[], None]
Done = TypeVar("Done")
DEADLOCK, DEADLOCK_ATTEMPTS = "40P01", 5

SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

SessionFactory: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
# Whether this thread, or task, has committed since it was last asked to forget.
_has_written: ContextVar[bool] = ContextVar("has_written", default=False)
_engine: Engine | None = None
_direct_engine: Engine | None = None


def engine() -> Engine:
    """Return the process's engine, made on first use."""
    global _engine  # noqa: PLW0603 - one engine a process is the point
    if _engine is None:
        config = get_config()
        _engine = make_engine(config.database_url, has_pooler=config.has_pooler)
        SessionFactory.configure(bind=_engine)
    return _engine


def direct_engine() -> Engine:
    """Return an engine whose connections keep what is set in them: the usual one, or past a pooler.

    In transaction mode a pooler gives each transaction whichever session is free.
    """
    global _direct_engine  # noqa: PLW0603
    config = get_config()
    if not config.has_pooler:
        return engine()
    if _direct_engine is None:
        _direct_engine = make_engine(config.session_url)
    return _direct_engine


def make_engine(database_url: str, *, has_pooler: bool = False, **connect_args: Any) -> Engine:
    """Return an engine over psycopg 3 for a libpq URL, which may lead through a pooler."""
    config = get_config()
    settings = {
        # With many partitions a generic plan locks them all: 12,010 locks for one DELETE.
        "plan_cache_mode": "force_custom_plan",
        "jit": "off",
        "timezone": "UTC",
        "statement_timeout": str(int(config.statement_timeout_s * 1000)),
    }
    if has_pooler:
        # The next transaction may meet another session: nothing is prepared in it.
        connect_args["prepare_threshold"] = None
    else:
        connect_args["options"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
    # Others see whose transaction it is, such as who waits for it.
    connect_args.setdefault("fallback_application_name", "embedhub")
    made = create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        # The parameters are callers' texts and hashes of keys: not for a log.
        hide_parameters=True,
        pool_size=config.max_connections,
        max_overflow=0,
        pool_timeout=config.pool_wait_s,
        # jsonb writes 1.989e30 as an integer of 31 digits, which an answer's JSON cannot hold.
        json_deserializer=orjson.loads,
        connect_args=connect_args,
    )
    event.listen(made, "checkout", _refuse_ended)
    if has_pooler:
        # PgBouncer refuses `options`, and what a session is set to is not the transaction's.
        script = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items())
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql(script))
    return made


def _refuse_ended(connection: psycopg.Connection[Any], *_: object) -> None:
    """Have the pool open another connection where the server has ended an idle one.

    What the server said last is there to be read then: to know, it need not be asked.
    """
    if connection.closed:
        raise DisconnectionError("closed")
    arrived = select.poll()
    arrived.register(connection.pgconn.socket, select.POLLIN)
    if arrived.poll(0):
        raise DisconnectionError("ended by the server")


def dispose() -> None:
    """Forget the engine and its connections: a forked process and a restarted server need it."""
    global _engine, _direct_engine  # noqa: PLW0603
    for made in (_engine, _direct_engine):
        if made is not None:
            made.dispose(close=False)
    _engine = _direct_engine = None


@contextmanager
def reading(bind: Engine | None = None) -> Iterator[Session]:
    """Open a transaction that sees one snapshot; Postgres itself refuses a write in it.

    `bind` reads from elsewhere than the primary.
    """
    with SessionFactory(bind=bind or engine()) as session:
        # Said by BEGIN itself: no statement of its own.
        pooled = session.connection(execution_options=SNAPSHOT).connection
        connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
        with ended_when_unwanted(connection):
            yield session
        # There is nothing to keep; but after a ROLLBACK psycopg forgets all statements it prepared,
        # and would prepare each anew, by a round trip of its own. Past the session: nothing is
        # flushed.
        with suppress(psycopg.Error):
            connection.commit()


@contextmanager
def writing() -> Iterator[Session]:
    """Open a transaction that commits at the end, then sends the jobs asked for inside it."""
    engine()
    with SessionFactory() as session:
        yield session
        session.commit()
        _has_written.set(True)
        sends = after_commit(session)
    for send in sends:
        send()


def forget_writes() -> None:
    """Begin anew with noticing whether this thread writes."""
    _has_written.set(False)


def has_written() -> bool:
    """Say whether this thread has committed anything since `forget_writes`."""
    return _has_written.get()


def after_commit(session: Session) -> list[AfterCommit]:
    """Return the list of calls to make once the session's transaction has committed."""
    sends: list[AfterCommit] = session.info.setdefault("after_commit", [])
    return sends


def retry_deadlocks(unit: Callable[[], Done]) -> Done:
    """Carry out a whole unit of work, again if Postgres chose it as the victim of a deadlock."""
    for _ in range(DEADLOCK_ATTEMPTS - 1):
        try:
            return unit()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != DEADLOCK:
                raise
    return unit()


class Turn(StrEnum):
    """What is waited for in turn; who needs both takes the collection's turn first."""

    COLLECTION = "collection"
    SPACE = "space"
    # Shared by who adds items or users; alone by who keeps interactions that wait for them.
    CATALOG = "catalog"


def share_turn(session: Session, what: Turn, ids: Sequence[int]) -> None:
    """Wait for those who hold or wait for one of these rows alone; for before a FOR SHARE.

    A row lock alone does not queue: sharers that overlap keep an exclusive taker out for ever.
    """
    # A statement of its own: the next one must see what was changed while this one waited.
    session.execute(
        text(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended(:what, id))"
            " FROM unnest(CAST(:ids AS bigint[])) AS id"
        ),
        {"what": what.value, "ids": sorted(set(ids))},
    )


def take_turn(session: Session, what: Turn, ident: int) -> None:
    """Wait for everybody who shares this row now, ahead of who comes later; for before an UPDATE.

    Held until the transaction ends, as `share_turn` is.
    """
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:what, :id))"),
        {"what": what.value, "id": ident},
    )


def in_batches(step: Callable[[Session, int], int], *, size: int = 1_000) -> int:
    """Repeat a step, each time in a transaction of its own, until it did less than `size`.

    The step is given the session and the size, and returns how much it did; the sum is returned.
    """
    total = 0
    while True:
        with writing() as session:
            n_done = step(session, size)
        total += n_done
        if n_done < size:
            return total


@contextmanager
def autocommit() -> Iterator[Connection]:
    """Open a connection where each statement commits itself: for index builds and partitions.

    It keeps what is set in it, also where the others go through a pooler.
    """
    with direct_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        try:
            yield connection
        finally:
            connection.execute(text("RESET statement_timeout"))
