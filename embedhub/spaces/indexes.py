"""The life of a shelf of one's own: attached, filled, indexed, analysed, dropped again.

DDL runs outside transactions through `db.autocommit()`. A table is attached and never created as
a partition, and every step that needs a strong lock waits for it only briefly and tries again: a
lock that waits long blocks every search behind it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from embedhub import db
from embedhub.errors import NotFound, NotReady
from embedhub.runs.progress import RunCancelled, RunProgress, RunTakenOver
from embedhub.spaces.copies import SIBLINGS
from embedhub.spaces.numbering import number_copies
from embedhub.spaces.queries import shelves
from embedhub.spaces.queries.shelves import TABLES
from embedhub.spaces.queries.spaces import collection_of
from embedhub.spaces.wanted import wanted_indexes
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_MS = 500
LOCK_ATTEMPTS = 40
WATCH_S = 1.0
# Rows with larger vectors do not fit a page.
MAX_PLAIN_DIMENSION = 1_900


def grow_space(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Give a space a shelf of its own with its indexes; searches go on meanwhile.

    May be repeated after any interruption. Returns the shelf and the number of rows moved.
    """
    space_id = int(arguments["space_id"])
    with db.writing() as session:
        space = shelves.hold_space(session, space_id)
        if space is None:
            raise NotFound("space", space_id)
    # Its own number, so that a repeated growth finds the table of the one that failed.
    shelf_id = space.id if space.shelf_id == SHARED_SHELF else space.shelf_id
    moved = 0
    with db.autocommit() as connection:
        attach_shelf(connection, space, shelf_id)
    if space.shelf_id == SHARED_SHELF:
        with db.writing() as session:
            held = shelves.hold_space(session, space_id)
            if held is not None:
                moved = shelves.move_rows(session, space=held, shelf_id=shelf_id)
        if held is None:
            # Its collection was removed meanwhile, and nobody else knows of the new table.
            with db.autocommit() as connection:
                drop_shelf(connection, kind=space.kind, shelf_id=shelf_id)
            raise NotFound("space", space_id)
        space = held
    if space.kind == "dense":
        number_copies(space_id)
    build_indexes(space, shelf_id, progress)
    with db.writing() as session:
        shelves.mark_indexed(session, space_id=space_id, shelf_id=shelf_id)
    return {"shelf_id": shelf_id, "rows_moved": moved}


def partition(space: Space, shelf_id: int) -> str:
    """Return the name of the table behind a shelf."""
    return f"vectors.{TABLES[space.kind]}_{shelf_id}"


def attach_shelf(connection: Connection, space: Space, shelf_id: int) -> None:
    """Make the table of a shelf and attach it, unless that was done before."""
    parent, table = TABLES[space.kind], partition(space, shelf_id)
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {table} (LIKE {parent} INCLUDING DEFAULTS"
            f" INCLUDING CONSTRAINTS, CHECK (shelf_id = {shelf_id}))"
            " WITH (toast_tuple_target = 8160)"
        )
    )
    if space.kind == "dense" and space.dimension <= MAX_PLAIN_DIMENSION:
        connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN vector SET STORAGE PLAIN"))
    if not is_attached(connection, table):
        if space.kind == "dense":
            # From the first row on: whoever stores looks for the copies there are.
            siblings = f"{table.replace('vectors.', '')}_siblings"
            connection.execute(
                text(f"CREATE INDEX IF NOT EXISTS {siblings} ON {table} ({', '.join(SIBLINGS)})")
            )
        attach = f"ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ({shelf_id})"
        with_brief_locks(connection, lambda: connection.execute(text(attach)))


def is_attached(connection: Connection, table: str) -> bool:
    """Say whether a table of schema `vectors` is somebody's partition."""
    statement = text("SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(:t))")
    return bool(connection.execute(statement, {"t": table}).scalar())


def build_indexes(space: Space, shelf_id: int, progress: RunProgress) -> None:
    """Build what the shelf's queries need, concurrently, and let the planner know of it."""
    table = partition(space, shelf_id)
    name = table.replace("vectors.", "")
    with db.reading() as session:
        collection = collection_of(session, space)
    with db.autocommit() as connection:
        for wanted in wanted_indexes(space, collection):
            build_index(
                connection,
                table=table,
                index=f"{name}_{wanted.suffix}",
                method=wanted.definition,
                progress=progress,
            )
        connection.execute(text(f"ANALYZE {table}"))


def build_index(
    connection: Connection, *, table: str, index: str, method: str, progress: RunProgress
) -> None:
    """Build one index without blocking anybody; an invalid left-over is removed first.

    Raises NotReady if the index is not valid in the end.
    """
    wait_for_builder(index, progress)
    if is_valid(connection, index) is True:
        return
    connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS vectors.{index}"))
    with reporting(connection, progress):
        connection.execute(text(f"CREATE INDEX CONCURRENTLY {index} ON {table} USING {method}"))
    if not is_valid(connection, index):
        raise NotReady(f"index {index} was built but is not valid")


def wait_for_builder(index: str, progress: RunProgress) -> None:
    """Wait while the backend of a worker that was killed still builds this index.

    It goes on without its client, and dropping the index would throw away its work.
    """
    while True:
        with db.reading() as session:
            pid = shelves.builder_of(session, index)
            if pid is None:
                return
            steps = shelves.index_progress(session, pid)
        try:
            progress.report(*steps)
        except RunCancelled:
            with db.writing() as session:
                shelves.cancel_statement(session, pid)
            raise
        time.sleep(WATCH_S)


def is_valid(connection: Connection, index: str) -> bool | None:
    """Say whether an index of schema `vectors` can be used; None if there is none."""
    statement = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
    return connection.execute(statement, {"name": f"vectors.{index}"}).scalar()


@contextmanager
def reporting(connection: Connection, progress: RunProgress) -> Iterator[None]:
    """Report from a second connection how far this one is with the index it builds.

    A run that has to stop cancels the build, and its reason is raised.
    """
    pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    done = threading.Event()
    stopped: list[Exception] = []

    def watch() -> None:
        while not done.wait(WATCH_S):
            try:
                with db.reading() as session:
                    progress.report(*shelves.index_progress(session, pid))
            except (RunCancelled, RunTakenOver) as reason:
                stopped.append(reason)
                with db.writing() as session:
                    shelves.cancel_statement(session, pid)
                return

    watcher = threading.Thread(target=watch, name="index-progress", daemon=True)
    watcher.start()
    try:
        yield
    except OperationalError:
        if not stopped:
            raise
    finally:
        done.set()
        watcher.join()
    if stopped:
        raise stopped[0]


def drop_shelf(connection: Connection, *, kind: str, shelf_id: int) -> None:
    """Detach and drop the table of a shelf nobody uses any more."""
    if shelf_id == SHARED_SHELF:
        raise ValueError("the shared shelf is never dropped")
    table = f"vectors.{TABLES[kind]}_{shelf_id}"
    if connection.execute(text("SELECT to_regclass(:t)"), {"t": table}).scalar() is None:
        return
    # Who was killed between the two leaves a table that is detached already.
    if is_attached(connection, table):
        detach = f"ALTER TABLE {TABLES[kind]} DETACH PARTITION {table}"
        with_brief_locks(connection, lambda: connection.execute(text(detach)))
    connection.execute(text(f"DROP TABLE {table}"))


def with_brief_locks(connection: Connection, statement: Callable[[], object]) -> None:
    """Run DDL that waits for its lock only briefly each time, and tries again for a while.

    Raises NotReady when readers never left a gap.
    """
    connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
    try:
        for attempt in range(LOCK_ATTEMPTS):
            try:
                statement()
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != "55P03":
                    raise
                logger.info("lock not available yet", extra={"attempt": attempt})
                time.sleep(0.1 * (attempt + 1))
            else:
                return
        raise NotReady("no gap between searches to attach or detach a shelf; will be tried again")
    finally:
        connection.execute(text("RESET lock_timeout"))
