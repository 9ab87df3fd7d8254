"""The engine, and the only place that commits.

`reading()` and `writing()` are one transaction each. `reading()` sees one snapshot and cannot
write. `writing()` commits once at the end and then sends the jobs asked for inside it; an
exception rolls both back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from embedhub.config import get_config

AfterCommit = Callable[[], None]

SessionFactory: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
_engine: Engine | None = None


def engine() -> Engine:
    """Return the process's engine, made on first use."""
    global _engine  # noqa: PLW0603 - one engine a process is the point
    if _engine is None:
        _engine = make_engine(get_config().database_url)
        SessionFactory.configure(bind=_engine)
    return _engine


def make_engine(database_url: str) -> Engine:
    """Return an engine over psycopg 3 for a libpq URL."""
    config = get_config()
    return create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        # The parameters are callers' texts and hashes of keys: not for a log.
        hide_parameters=True,
        pool_size=config.pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=config.statement_timeout_s,
        connect_args={
            # With many partitions a generic plan locks them all: 12,010 locks for one DELETE.
            "options": "-c plan_cache_mode=force_custom_plan -c jit=off -c timezone=UTC"
            f" -c statement_timeout={int(config.statement_timeout_s * 1000)}"
        },
    )


def dispose() -> None:
    """Forget the engine and its connections: a forked process and a restarted server need it."""
    global _engine  # noqa: PLW0603
    if _engine is not None:
        _engine.dispose(close=False)
    _engine = None


@contextmanager
def reading() -> Iterator[Session]:
    """Open a transaction that sees one snapshot; Postgres itself refuses a write in it."""
    engine()
    with SessionFactory() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """Open a transaction that commits at the end, then sends the jobs asked for inside it."""
    engine()
    with SessionFactory() as session:
        yield session
        session.commit()
        sends = after_commit(session)
    for send in sends:
        send()


def after_commit(session: Session) -> list[AfterCommit]:
    """Return the list of calls to make once the session's transaction has committed."""
    sends: list[AfterCommit] = session.info.setdefault("after_commit", [])
    return sends


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
    """Open a connection where each statement commits itself: for index builds and partitions."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        try:
            yield connection
        finally:
            connection.execute(text("RESET statement_timeout"))


def ping() -> None:
    """Return when the database answers; raises the driver's error when it does not."""
    with engine().connect() as connection:
        connection.execute(text("SELECT 1"))
