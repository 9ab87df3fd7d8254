"""The SQL that asks the server about itself, and about the sizes of shelves."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.spaces.queries.shelf_ddl import SCHEMA


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server allows and where it keeps its data; None where it does not tell us."""

    maintenance_bytes: int
    workers: int
    log_bytes: int
    shared_buffers_bytes: int
    shares_memory_in_files: bool
    data_directory: str | None
    started_at_s: int
    database_bytes: int


@dataclass(frozen=True, slots=True)
class ShelfFacts:
    """How a shelf of one's own stands, as Postgres' statistics have it."""

    table_bytes: int
    live_rows: int
    dead_rows: int
    # died since these statistics were begun, whatever became of them
    died: int


def server_facts(session: Session) -> ServerFacts:
    """Return what the server says about itself."""
    statement = text("""
        SELECT pg_size_bytes(current_setting('maintenance_work_mem')),
               CAST(current_setting('max_parallel_maintenance_workers') AS integer),
               pg_size_bytes(current_setting('max_wal_size')),
               pg_size_bytes(current_setting('shared_buffers')),
               current_setting('dynamic_shared_memory_type') = 'mmap',
               -- a role without the right to see it gets no row, where SHOW would fail
               (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
               CAST(extract(epoch FROM pg_postmaster_start_time()) AS bigint),
               pg_database_size(current_database())
    """)
    return ServerFacts(*session.execute(statement).one())


def started_at(session: Session) -> int:
    """Return when the server was started, in seconds since 1970."""
    statement = text("SELECT CAST(extract(epoch FROM pg_postmaster_start_time()) AS bigint)")
    return int(session.execute(statement).scalar_one())


def shelf_facts(session: Session, table: str) -> ShelfFacts:
    """Return the size of a shelf's table and its live and dead rows; zeros if there is none."""
    statement = text("""
        SELECT pg_table_size(c.oid), coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0),
               coalesce(s.n_tup_del + s.n_tup_upd - s.n_tup_hot_upd, 0)
        FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
        WHERE c.oid = to_regclass(:table)
    """)
    row = session.execute(statement, {"table": f"{SCHEMA}.{table}"}).one_or_none()
    return ShelfFacts(0, 0, 0, 0) if row is None else ShelfFacts(*row)


def worn_shelves(
    session: Session, table: str, *, dead_share: float, least_rows: int
) -> dict[int, ShelfFacts]:
    """Return the shelves of this many live rows and this share of dead ones, most dead first."""
    statement = text(f"""
        SELECT CAST(substring(relname FROM '\\d+$') AS bigint), n_live_tup, n_dead_tup,
               n_tup_del + n_tup_upd - n_tup_hot_upd
        FROM pg_stat_user_tables
        WHERE schemaname = '{SCHEMA}' AND relname ~ :name AND n_live_tup >= :least_rows
          AND n_dead_tup >= :dead_share * (n_live_tup + n_dead_tup)
        ORDER BY n_dead_tup DESC, 1
    """)
    facts = {
        "name": rf"^{table}_[1-9]\d*$",
        "dead_share": dead_share,
        "least_rows": least_rows,
    }
    rows = session.execute(statement, facts)
    return {row[0]: ShelfFacts(0, *row[1:]) for row in rows}


def tell_statistics(session: Session) -> None:
    """Let the statistics know of what this transaction did once it is over, not seconds later."""
    session.execute(text("SELECT pg_stat_force_next_flush()"))


def count_rows(session: Session, *, table: str, shelf_id: int, space_id: int) -> int:
    """Return how many rows a space has on its shelf."""
    statement = text(
        f"SELECT count(*) FROM {table} WHERE shelf_id = :shelf_id AND space_id = :space_id"
    )
    facts = {"shelf_id": shelf_id, "space_id": space_id}
    return int(session.execute(statement, facts).scalar_one())
