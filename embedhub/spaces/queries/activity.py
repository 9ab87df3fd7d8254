"""The SQL that looks at other connections: what they build, and who holds them up.

Texts of queries are never read: they hold what other workspaces ask.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from embedhub.spaces.build_phases import BuildState
from embedhub.spaces.queries.shelf_ddl import SCHEMA

MAX_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Blocker:
    """Somebody's transaction that a statement of ours waits for; None: Postgres does not tell."""

    pid: int
    application: str | None
    state: str | None
    open_s: float | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What a connection of ours is doing: how far with an index, and whom it waits for."""

    build: BuildState | None
    blocker: Blocker | None


def activity_of(session: Session, pid: int) -> Activity:
    """Return what the connection of this process id is doing right now."""
    statement = text("""
        SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total,
               lockers_done, lockers_total, nullif(current_locker_pid, 0)
        FROM pg_stat_progress_create_index WHERE pid = :pid
    """)
    row = session.execute(statement, {"pid": pid}).one_or_none()
    build = None if row is None else BuildState(*row[:7])
    locker = row[7] if row is not None and build is not None and build.known.waits else None
    return Activity(build, _blocker(session, pid, locker))


def _blocker(session: Session, pid: int, locker: int | None) -> Blocker | None:
    statement = text("""
        SELECT b.pid, nullif(left(a.application_name, :max_chars), ''), a.state,
               CAST(extract(epoch FROM clock_timestamp() - a.xact_start) AS float8)
        FROM (SELECT coalesce(CAST(:locker AS integer), (pg_blocking_pids(:pid))[1]) AS pid) b
        LEFT JOIN pg_stat_activity a ON a.pid = b.pid
        WHERE b.pid IS NOT NULL
    """)
    facts = {"pid": pid, "locker": locker, "max_chars": MAX_NAME_CHARS}
    row = session.execute(statement, facts).one_or_none()
    return None if row is None else Blocker(*row)


def backend_of(connection: Connection | Session) -> int:
    """Return the process id of the server's end of a connection."""
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def builder_of(session: Session, index: str) -> int | None:
    """Return the connection that builds this index right now, if there is one."""
    statement = text("""
        SELECT pid FROM pg_stat_progress_create_index
        WHERE datname = current_database() AND index_relid = to_regclass(:index) LIMIT 1
    """)
    return session.execute(statement, {"index": f"{SCHEMA}.{index}"}).scalar()


def cancel_statement(session: Session, pid: int) -> None:
    """Cancel what a connection of ours is doing."""
    session.execute(text("SELECT pg_cancel_backend(:pid)"), {"pid": pid})
