"""Building one index beside everybody's work, and putting it in the place of another.

A new HNSW index is built beside the one that answers, under a name of its own; the two change names
in one short transaction, together with what the space says of its precision, so that a search finds
the index that it asks for.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from embedhub import db
from embedhub.errors import HubError, NotFound, NotReady, StorageFull
from embedhub.runs.progress import RunCancelled
from embedhub.spaces.forecast import Forecast
from embedhub.spaces.queries import activity, shelf_ddl, shelves
from embedhub.spaces.watching import StepReport, wait_for_builder, watching

logger = logging.getLogger(__name__)

NEXT, OLD = "_next", "_old"
DISK_FULL = "53100"
# A drop that has to wait longer is left to upkeep.
DROP_PATIENCE_MS = 5_000
# pgvector tells of a graph too large for its memory by a notice of these words.
TOO_LARGE = "no longer fits into maintenance_work_mem"


@dataclass(slots=True)
class Built:
    """What building an index was like."""

    seconds: float = 0.0
    n_bytes: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def fit_in_memory(self) -> bool:
        """Return whether the whole graph was linked in memory."""
        return not any(TOO_LARGE in notice for notice in self.notices)


@dataclass(frozen=True, slots=True)
class Build:
    """One index to build: on which table, under which name, how, and as which step of a run."""

    table: str
    index: str
    definition: str
    step: str
    words: str


def build_index(
    connection: Connection, build: Build, report: StepReport, forecast: Forecast | None = None
) -> Built:
    """Build an index unless it is there and can be used; an unusable left-over is removed first.

    Whatever stops it leaves no index that cannot be used. Raises StorageFull when the disk is, and
    NotReady if the index is not valid in the end.
    """
    wait_for_builder(build.index, report, build.step, build.words)
    found = shelf_ddl.find_index(connection, build.index)
    if found is not None:
        # One that is to be swapped in must be known to be the right one, an older release's not.
        accepted = {build.definition} if build.index.endswith(NEXT) else {build.definition, None}
        if found.is_valid and found.definition in accepted:
            return Built(n_bytes=found.n_bytes)
        with watching(
            activity.backend_of(connection), report, build.step, "removing what a build left behind"
        ):
            shelf_ddl.drop_index(connection, build.index)
    built = Built()
    begun = time.monotonic()
    try:
        with given_means(connection, forecast), noticing(connection, built.notices):
            _create(connection, build, report)
    except (RunCancelled, HubError, DBAPIError) as error:
        remove_left_over(build.index)
        if getattr(getattr(error, "orig", None), "sqlstate", None) == DISK_FULL:
            raise StorageFull(
                f"Postgres ran out of disk while {build.words}; nothing of it was kept"
            ) from error
        raise
    made = shelf_ddl.find_index(connection, build.index)
    if made is None or not made.is_valid:
        raise NotReady(f"index {build.index} was built but is not valid")
    shelf_ddl.remember_definition(connection, index=build.index, definition=build.definition)
    built.seconds, built.n_bytes = time.monotonic() - begun, made.n_bytes
    return built


def swap_in(space_id: int, index: str, report: StepReport, step: str, *, precision: str) -> None:
    """Let the index built as `index` + "_next" answer from now on, in one short transaction.

    Raises NotFound if the space was removed.
    """
    words = "letting the new index answer"
    with db.writing() as session, watching(activity.backend_of(session), report, step, words):
        held = shelves.hold_space(session, space_id)
        if held is not None:
            if shelf_ddl.find_index(session, index) is not None:
                shelf_ddl.rename_index(session, index=index, name=index + OLD)
            shelf_ddl.rename_index(session, index=index + NEXT, name=index)
            shelves.set_precision(session, space_id=space_id, precision=precision)
    if held is None:
        raise NotFound("space", space_id)


def remove_left_over(index: str) -> bool:
    """Drop an index that nothing uses; False if somebody's transaction was in the way for too long.

    Upkeep tries again what was left. An index that answers, or will once it is swapped in, stays.
    """
    with suppress(DBAPIError), db.autocommit() as connection:
        found = shelf_ddl.find_index(connection, index)
        if found is None or (found.is_valid and not index.endswith((NEXT, OLD))):
            return True
        shelf_ddl.set_lock_timeout(connection, DROP_PATIENCE_MS)
        try:
            shelf_ddl.drop_index(connection, index)
        finally:
            shelf_ddl.set_lock_timeout(connection, None)
        return True
    logger.info("left-over index stays for now", extra={"index": index})
    return False


@contextmanager
def given_means(connection: Connection, forecast: Forecast | None) -> Iterator[None]:
    """Give the builds of this connection the memory and the helpers that were foreseen."""
    if forecast is None:
        yield
        return
    shelf_ddl.set_means(
        connection, memory_bytes=forecast.memory_given_bytes, workers=forecast.workers
    )
    try:
        yield
    finally:
        with suppress(DBAPIError):
            shelf_ddl.reset_means(connection)


@contextmanager
def noticing(connection: Connection, notices: list[str]) -> Iterator[None]:
    """Collect what Postgres remarks on this connection inside the block."""
    driver: Any = connection.connection.driver_connection

    def note(diagnostic: Any) -> None:
        notices.append(diagnostic.message_primary or "")

    driver.add_notice_handler(note)
    try:
        yield
    finally:
        driver.remove_notice_handler(note)


def _create(connection: Connection, build: Build, report: StepReport) -> None:
    pid = activity.backend_of(connection)
    names = {"table": build.table, "index": build.index, "definition": build.definition}
    try:
        with watching(pid, report, build.step, build.words):
            shelf_ddl.create_index(connection, **names)
    except OperationalError as error:
        if not _lacks_shared_memory(error):
            raise
        # A container's /dev/shm is small: then without helpers, in memory of its own.
        logger.warning("no shared memory for helpers: %s is built by one process", build.index)
        with watching(pid, report, build.step, "removing what a build left behind"):
            shelf_ddl.drop_index(connection, build.index)
        shelf_ddl.set_workers(connection, 0)
        with watching(pid, report, build.step, build.words):
            shelf_ddl.create_index(connection, **names)


def _lacks_shared_memory(error: OperationalError) -> bool:
    is_full = getattr(error.orig, "sqlstate", None) == DISK_FULL
    return is_full and "shared memory" in str(error.orig)
