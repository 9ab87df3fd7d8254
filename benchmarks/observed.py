"""What a unit of work costs the database beside its time: locks, and the planning of its reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from embedhub import db


@contextmanager
def observed() -> Iterator[tuple[list[int], list[float]]]:
    """Collect the locks at the end of each transaction, and how long each read was planned."""
    locks, planning = [0], [0.0]

    def count(connection: Any) -> None:
        driver = connection.connection.driver_connection
        if driver.info.transaction_status.name == "INTRANS":
            row = driver.execute(
                "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
            ).fetchone()
            locks.append(row[0])

    def plan(connection: Any, _: Any, statement: str, parameters: Any, *__: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            own = connection.connection.driver_connection.cursor()
            # The second time: the first fills the caches of the session.
            for _ in range(2):
                own.execute(f"EXPLAIN (SUMMARY, FORMAT JSON) {statement}", parameters)
                found = own.fetchone()[0]
            planning.append(found[0]["Planning Time"])

    listeners = (("commit", count), ("rollback", count), ("before_cursor_execute", plan))
    for name, listener in listeners:
        event.listen(db.engine(), name, listener)
    try:
        yield locks, planning
    finally:
        for name, listener in listeners:
            event.remove(db.engine(), name, listener)
