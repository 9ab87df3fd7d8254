"""The SQL of the read replica: what a server is, and how far its log is."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it says of itself; `position` is what is flushed, on a replica what is replayed.

    Two servers of one `system` are copies of each other.
    """

    system: int
    is_replica: bool
    position: int
    migration: str | None


def describe_server(session: Session) -> Server:
    """Return what the server behind a session is now."""
    statement = text("""
        SELECT (SELECT system_identifier FROM pg_control_system()), pg_is_in_recovery(),
               CAST((CASE WHEN pg_is_in_recovery()
                 THEN coalesce(pg_last_wal_replay_lsn(), '0/0')
                 ELSE pg_current_wal_flush_lsn() END) - '0/0' AS bigint),
               to_regclass('public.alembic_version') IS NOT NULL
    """)
    system, is_replica, position, is_migrated = session.execute(statement).one()
    migration = None
    if is_migrated:
        migration = session.scalar(text("SELECT version_num FROM public.alembic_version"))
    return Server(system, is_replica, position, migration)


def replayed_position(session: Session) -> int:
    """Return how far a replica has replayed; what was committed before is visible from now on."""
    statement = "SELECT CAST(coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0' AS bigint)"
    return int(session.execute(text(statement)).scalar_one())


def written_position(session: Session) -> int:
    """Return a position behind everything committed on the primary before this statement."""
    # Not the flushed one: a commit need not wait for the flush.
    statement = "SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS bigint)"
    return int(session.execute(text(statement)).scalar_one())
