"""Shelves of one's own: made, attached, filled from the shared one, dropped again.

A table is attached and never created as a partition, and a step that needs a strong lock waits for
it only briefly and tries again: a lock that waits long blocks every search behind it.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from embedhub import db
from embedhub.errors import NotFound, NotReady
from embedhub.spaces.queries import activity, shelf_ddl, shelves
from embedhub.spaces.queries.shelves import TABLES
from embedhub.spaces.watching import StepReport, watching
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_MS = 500
LOCK_ATTEMPTS = 40
LOCK_NOT_AVAILABLE = "55P03"

Waiting = Callable[[], None]


def table_of(kind: str, shelf_id: int) -> str:
    """Return the name, in schema `vectors`, of the table behind a shelf."""
    return f"{TABLES[kind]}_{shelf_id}"


def attach_shelf(
    connection: Connection, space: Space, shelf_id: int, on_wait: Waiting = lambda: None
) -> None:
    """Make the table of a shelf and attach it, unless that was done before."""
    parent, table = TABLES[space.kind], table_of(space.kind, shelf_id)
    shelf_ddl.create_shelf(connection, parent=parent, table=table, shelf_id=shelf_id)
    if space.kind == "dense" and space.dimension <= shelf_ddl.MAX_PLAIN_DIMENSION:
        shelf_ddl.store_plain(connection, table)
    if shelf_ddl.is_attached(connection, table):
        return
    with_brief_locks(
        connection,
        lambda: shelf_ddl.attach(connection, parent=parent, table=table, shelf_id=shelf_id),
        on_wait,
    )


def move_to_shelf(space_id: int, shelf_id: int, report: StepReport, step: str) -> tuple[Space, int]:
    """Move a space's rows from the shared shelf; return the space as it is then, and how many.

    Whoever stores into the space waits meanwhile, whoever searches does not. All rows move or none.
    Raises NotFound if the space was removed.
    """
    words = "moving rows to a table of their own"
    with db.writing() as session, watching(activity.backend_of(session), report, step, words):
        held = shelves.hold_space(session, space_id)
        if held is not None and held.shelf_id != shelf_id:
            moved = shelves.move_rows(session, space=held, shelf_id=shelf_id)
            session.refresh(held)
        else:
            moved = 0
    if held is None:
        raise NotFound("space", space_id)
    return held, moved


def drop_shelf(connection: Connection, *, kind: str, shelf_id: int) -> None:
    """Detach and drop the table of a shelf nobody uses any more."""
    if shelf_id == SHARED_SHELF:
        raise ValueError("the shared shelf is never dropped")
    table = table_of(kind, shelf_id)
    if not shelf_ddl.exists(connection, table):
        return
    # Who was killed between the two leaves a table that is detached already.
    if shelf_ddl.is_attached(connection, table):
        with_brief_locks(
            connection, lambda: shelf_ddl.detach(connection, parent=TABLES[kind], table=table)
        )
    shelf_ddl.drop_table(connection, table)


def with_brief_locks(
    connection: Connection, statement: Callable[[], object], on_wait: Waiting = lambda: None
) -> None:
    """Run DDL that waits for its lock only briefly each time, and tries again for a while.

    Raises NotReady when readers never left a gap, and what `on_wait` raises between attempts.
    """
    shelf_ddl.set_lock_timeout(connection, LOCK_TIMEOUT_MS)
    try:
        for attempt in range(LOCK_ATTEMPTS):
            try:
                statement()
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
                logger.info("lock not available yet", extra={"attempt": attempt})
                on_wait()
                time.sleep(0.1 * (attempt + 1))
            else:
                return
        raise NotReady("no gap between searches to attach or detach a shelf; will be tried again")
    finally:
        shelf_ddl.set_lock_timeout(connection, None)
