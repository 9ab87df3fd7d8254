"""The DDL of shelves and their indexes; names come from numbers of ours, never from a caller.

Everything runs on a connection of `db.autocommit()`, except where a session is asked for: that
is a step of a larger transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

SCHEMA = "vectors"
# A page holds rows with vectors of up to this many dimensions in full.
MAX_PLAIN_DIMENSION = 1_900
# Of a million rows stock Postgres lets 200,000 die before it looks, and a search walks over all of
# them. But an HNSW graph is built anew faster than they are cleared out of it, and upkeep has that
# done long before the shares given for vectors: those are for when it cannot.
VACUUM = {
    "embeddings": {
        "autovacuum_vacuum_scale_factor": "0.8",
        "autovacuum_vacuum_insert_scale_factor": "0.8",
        "autovacuum_analyze_scale_factor": "0.02",
        "autovacuum_vacuum_cost_limit": "2000",
    },
    "sparse_embeddings": {
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_vacuum_insert_scale_factor": "0.1",
        "autovacuum_analyze_scale_factor": "0.02",
        "autovacuum_vacuum_cost_limit": "2000",
    },
}


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index as the catalog has it; `definition` is ours as it was built, None of older ones."""

    name: str
    is_valid: bool
    n_bytes: int
    definition: str | None


def create_shelf(connection: Connection, *, parent: str, table: str, shelf_id: int) -> None:
    """Make the table of a shelf, which belongs to nobody yet, unless it is there."""
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{table} (LIKE {parent} INCLUDING DEFAULTS"
            f" INCLUDING CONSTRAINTS, CHECK (shelf_id = {shelf_id}))"
            f" WITH (toast_tuple_target = 8160, {_vacuum(parent)})"
        )
    )


def set_vacuum(connection: Connection, table: str) -> None:
    """Let autovacuum see to the table of a shelf as it does to new ones."""
    parent = table.rpartition("_")[0]
    connection.execute(text(f"ALTER TABLE {SCHEMA}.{table} SET ({_vacuum(parent)})"))


def _vacuum(parent: str) -> str:
    return ", ".join(f"{name} = {value}" for name, value in VACUUM[parent].items())


def store_plain(connection: Connection, table: str) -> None:
    """Keep the vectors of a shelf in its rows: reading them from elsewhere takes four times."""
    connection.execute(text(f"ALTER TABLE {SCHEMA}.{table} ALTER COLUMN vector SET STORAGE PLAIN"))


def attach(connection: Connection, *, parent: str, table: str, shelf_id: int) -> None:
    """Make a table the partition of a shelf."""
    connection.execute(
        text(f"ALTER TABLE {parent} ATTACH PARTITION {SCHEMA}.{table} FOR VALUES IN ({shelf_id})")
    )


def detach(connection: Connection, *, parent: str, table: str) -> None:
    """Make a partition a table of its own."""
    connection.execute(text(f"ALTER TABLE {parent} DETACH PARTITION {SCHEMA}.{table}"))


def drop_table(connection: Connection, table: str) -> None:
    """Drop a table with its indexes."""
    connection.execute(text(f"DROP TABLE {SCHEMA}.{table}"))


def exists(connection: Connection, table: str) -> bool:
    """Say whether there is such a table."""
    found = connection.execute(text("SELECT to_regclass(:name)"), {"name": f"{SCHEMA}.{table}"})
    return found.scalar() is not None


def is_attached(connection: Connection, table: str) -> bool:
    """Say whether a table is somebody's partition."""
    statement = text("SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(:t))")
    return bool(connection.execute(statement, {"t": f"{SCHEMA}.{table}"}).scalar())


def create_index(connection: Connection, *, table: str, index: str, definition: str) -> None:
    """Build an index while everybody reads and writes on."""
    connection.execute(
        text(f"CREATE INDEX CONCURRENTLY {index} ON {SCHEMA}.{table} USING {definition}")
    )


def remember_definition(connection: Connection, *, index: str, definition: str) -> None:
    """Note how an index was asked for: Postgres gives its definition back in other words."""
    quoted = definition.replace("'", "''")
    connection.execute(text(f"COMMENT ON INDEX {SCHEMA}.{index} IS '{quoted}'"))


def drop_index(connection: Connection, index: str) -> None:
    """Drop an index if it is there, once nobody's transaction uses it any more."""
    connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {SCHEMA}.{index}"))


def rename_index(session: Session, *, index: str, name: str) -> None:
    """Give an index another name; searches neither wait for this nor notice it."""
    session.execute(text(f"ALTER INDEX {SCHEMA}.{index} RENAME TO {name}"))


def analyze(connection: Connection, table: str) -> None:
    """Let the planner know of what is in a table now; without, it ignores a new index."""
    connection.execute(text(f"ANALYZE {SCHEMA}.{table}"))


def analyze_documents(connection: Connection) -> None:
    """Let the planner know of documents just loaded; who is at it already, autovacuum, goes on.

    Without, a search over 50,000 new documents took four times as long until autovacuum came.
    """
    connection.execute(text("ANALYZE (SKIP_LOCKED) documents, chunks"))


def vacuum(connection: Connection, table: str) -> None:
    """Remove the dead rows of a table from it and its indexes, beside everybody's work."""
    connection.execute(text(f"VACUUM (ANALYZE) {SCHEMA}.{table}"))


def set_lock_timeout(connection: Connection, milliseconds: int | None) -> None:
    """Let statements wait so long for a lock; None: as the server has it."""
    value = "DEFAULT" if milliseconds is None else milliseconds
    connection.execute(text(f"SET lock_timeout = {value}"))


def set_means(connection: Connection, *, memory_bytes: int, workers: int) -> None:
    """Let this connection's builds take so much memory and so many helping processes."""
    connection.execute(text(f"SET maintenance_work_mem = '{memory_bytes // 1024}kB'"))
    set_workers(connection, workers)


def set_workers(connection: Connection, workers: int) -> None:
    """Let so many processes help this connection's builds."""
    connection.execute(text(f"SET max_parallel_maintenance_workers = {workers}"))


def reset_means(connection: Connection) -> None:
    """Take back what `set_means` set."""
    for name in ("maintenance_work_mem", "max_parallel_maintenance_workers"):
        connection.execute(text(f"RESET {name}"))


def find_index(connection: Connection | Session, index: str) -> BuiltIndex | None:
    """Return an index as it is, if it is there."""
    found = connection.execute(text(f"{INDEXES} AND i.relname = :index"), {"index": index})
    row = found.one_or_none()
    return None if row is None else BuiltIndex(*row)


def indexes_of(connection: Connection | Session, table: str) -> list[BuiltIndex]:
    """Return the indexes of a table by name."""
    statement = text(f"{INDEXES} AND t.relname = :table ORDER BY i.relname")
    return [BuiltIndex(*row) for row in connection.execute(statement, {"table": table})]


def left_over_indexes(session: Session, suffixes: Sequence[str]) -> list[tuple[str, str]]:
    """Return (table, index) of indexes that cannot be used or end like this, and nobody builds."""
    statement = text(f"""
        SELECT t.relname, i.relname FROM pg_index x
        JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        WHERE i.relnamespace = '{SCHEMA}'::regnamespace
          AND (NOT x.indisvalid OR substring(i.relname FROM '_[^_]+$') = ANY(:suffixes))
          AND i.oid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index)
          AND t.oid NOT IN (SELECT relid FROM pg_stat_progress_create_index)
        ORDER BY 1, 2
    """)
    rows = session.execute(statement, {"suffixes": list(suffixes)})
    return [(row[0], row[1]) for row in rows]


INDEXES = f"""
    SELECT i.relname, x.indisvalid AND x.indisready, pg_relation_size(i.oid),
           obj_description(i.oid, 'pg_class')
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE i.relnamespace = '{SCHEMA}'::regnamespace
"""
