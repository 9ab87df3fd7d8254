"""The work of the runs that give a space its indexes: growth, rebuilding, another precision.

Each may be repeated after any interruption: it finds what was done before, and what was left behind
half-done. Searches answer all the while, from the shared shelf, exactly, or by the old index.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from embedhub import db
from embedhub.errors import HubError, NotFound
from embedhub.runs.progress import RunCancelled, RunProgress
from embedhub.spaces.building import NEXT, OLD, Build, Built, build_index, remove_left_over, swap_in
from embedhub.spaces.copies import SIBLINGS
from embedhub.spaces.forecast import Forecast, model_seconds
from embedhub.spaces.means import foresee, require_reserve, require_room, shape_of
from embedhub.spaces.numbering import number_copies
from embedhub.spaces.queries import activity, server, shelf_ddl, shelves
from embedhub.spaces.queries.loading import is_loading
from embedhub.spaces.queries.shelves import TABLES
from embedhub.spaces.queries.spaces import owner_of
from embedhub.spaces.shelving import attach_shelf, drop_shelf, move_to_shelf, table_of
from embedhub.spaces.tidying import VACUUM_STEP, clear_dead_rows
from embedhub.spaces.wanted import HNSW, ShelfIndex, wanted_indexes
from embedhub.spaces.watching import StepReport, watching
from embedhub.tables import Catalog, Collection, Space
from embedhub.tables.spaces import SHARED_SHELF

# Rows a second that other steps handle on a typical machine: for their share of the progress.
MOVED_PER_S, INDEXED_PER_S, VACUUMED_PER_S = 20_000, 100_000, 50_000
# Builds of fewer rows say nothing about how fast a machine is.
LEARNABLE_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Task:
    """A space to work on, as it was when the work began."""

    space: Space
    owner: Collection | Catalog | None
    rows: int
    forecast: Forecast | None
    # since Postgres' statistics of the table were begun
    died: int

    @property
    def table(self) -> str:
        """Return the table that the space has to itself, or will have."""
        # Its own number, so that a repeated growth finds the table of the one that failed.
        is_shared = self.space.shelf_id == SHARED_SHELF
        return table_of(self.space.kind, self.space.id if is_shared else self.space.shelf_id)


def grow_space(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Give a space a shelf of its own with its indexes, those that are missing.

    Returns the shelf, the number of rows moved, and what the vector index took.
    """
    task = begin(progress, int(arguments["space_id"]))
    space = task.space
    shelf_id = space.id if space.shelf_id == SHARED_SHELF else space.shelf_id
    wanted = wanted_indexes(space, task.owner)
    weights = {"move": task.rows / MOVED_PER_S, **index_weights(task, wanted)}
    report = StepReport(progress, weights, task.rows)
    moved = 0
    if space.shelf_id == SHARED_SHELF:
        space, moved = _move(task, shelf_id, report)
        with db.autocommit() as connection:
            # Who stores the rows to come looks for copies: unaware of the shelf's statistics, the
            # planner compared every row with every input of a batch, a second and a half each.
            shelf_ddl.analyze(connection, task.table)
    with db.reading() as session:
        # Asked for again when the import has ended, or has taken too long.
        if is_loading(session, space.id):
            return {"shelf_id": shelf_id, "rows_moved": moved, "waits_for": "an import"}

    def answer() -> None:
        with db.writing() as session:
            shelves.mark_indexed(session, space_id=space.id, shelf_id=shelf_id)

    with db.autocommit() as connection:
        shelf_ddl.analyze_documents(connection)
        _number(connection, task, wanted, report)
        # Searches need not wait for those that only filters use; upkeep asks for what is missing.
        made = build_missing(connection, task, wanted, report, then=answer)
    answer()
    return {
        "shelf_id": shelf_id,
        "rows_moved": moved,
        **account(task, made.get(HNSW), space.precision),
    }


def rebuild_index(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Build a space's HNSW index anew, with another precision if one is given, and swap it in.

    A space that shares its shelf has none: it is to get one of this precision when it grows.
    """
    precision = arguments.get("precision")
    task = begin(progress, int(arguments["space_id"]), precision=precision)
    precision = precision or task.space.precision
    if task.space.shelf_id == SHARED_SHELF:
        with db.writing() as session:
            shelves.set_precision(session, space_id=task.space.id, precision=precision)
        return {"precision": precision, "rows": task.rows, "is_exact": True}
    wanted = wanted_indexes(task.space, task.owner, precision=precision)
    weights = {
        **index_weights(task, wanted),
        "swap": 0.1,
        VACUUM_STEP: task.rows / VACUUMED_PER_S,
    }
    report = StepReport(progress, weights, task.rows)
    with db.autocommit() as connection:
        _number(connection, task, wanted, report)
        built = _build_beside(connection, task, wanted, report, precision)
        build_missing(connection, task, wanted, report)
        clear_dead_rows(connection, task.table, rows=task.rows, died=task.died, report=report)
    with db.writing() as session:
        shelves.mark_indexed(session, space_id=task.space.id, shelf_id=task.space.shelf_id)
    # Upkeep builds an index anew for rows that died since: others are in the table at most.
    return {"precision": precision, **account(task, built, precision), "died_before": task.died}


def begin(progress: RunProgress, space_id: int, *, precision: str | None = None) -> Task:
    """Return the task with its forecast, which the run then shows.

    Raises NotFound without the space, and StorageFull if it would fill the disk.
    """
    with db.reading() as session:
        space = shelves.find_space(session, space_id)
        if space is None:
            raise NotFound("space", space_id)
        is_shared = space.shelf_id == SHARED_SHELF
        owner = owner_of(session, space)
        rows = server.count_rows(
            session, table=TABLES[space.kind], shelf_id=space.shelf_id, space_id=space.id
        )
        facts = server.shelf_facts(session, table_of(space.kind, space.shelf_id))
        forecast = None
        if space.kind == "dense":
            moved = rows if is_shared else 0
            forecast = foresee(session, space, rows=rows, precision=precision, moved_rows=moved)
        else:
            require_reserve(session)
    if forecast is not None:
        progress.foretell(forecast.as_mapping())
        require_room(forecast)
    return Task(space, owner, rows, forecast, facts.died)


def index_weights(task: Task, wanted: list[ShelfIndex]) -> dict[str, float]:
    """Return the seconds that each index is thought to take, for its share of the progress."""
    seconds = {index.suffix: 0.1 + task.rows / INDEXED_PER_S for index in wanted}
    if task.forecast is not None:
        seconds[HNSW] = 0.1 + task.forecast.seconds
    return seconds | {"analyze": 0.1 + task.rows / INDEXED_PER_S}


def build_missing(
    connection: Connection,
    task: Task,
    wanted: list[ShelfIndex],
    report: StepReport,
    then: Callable[[], None] = lambda: None,
) -> dict[str, Built]:
    """Build the indexes that are not there and let the planner know; return them by suffix.

    `then` is carried out as soon as the vector index can answer. Of those built by this release,
    what is no longer wanted is dropped.
    """

    def gather_statistics() -> None:
        with watching(activity.backend_of(connection), report, "analyze", "gathering statistics"):
            shelf_ddl.analyze(connection, task.table)

    made = {}
    there = {index.name: index for index in shelf_ddl.indexes_of(connection, task.table)}
    for index in wanted:
        found = there.pop(f"{task.table}_{index.suffix}", None)
        if index.suffix == HNSW and found is not None and found.is_valid:
            # Of whatever settings: it answers, and only a rebuild puts another in its place.
            continue
        build = Build(
            task.table, f"{task.table}_{index.suffix}", index.definition, index.suffix, words(index)
        )
        given = task.forecast if index.suffix == HNSW else None
        made[index.suffix] = build_index(connection, build, report, given)
        if index.suffix == HNSW:
            gather_statistics()
            then()
    for other in there.values():
        if other.definition is not None and not other.name.endswith((NEXT, OLD)):
            with watching(activity.backend_of(connection), report, "analyze", "dropping an index"):
                shelf_ddl.drop_index(connection, other.name)
    gather_statistics()
    return made


def words(index: ShelfIndex) -> str:
    """Return in plain words what is done when this index is built."""
    kind = "the vector index" if index.suffix == HNSW else f"the index {index.suffix!r}"
    return f"building {kind}"


def account(task: Task, built: Built | None, precision: str) -> dict[str, Any]:
    """Return what the vector index took, as the result of a run tells it; pace is for forecasts."""
    result: dict[str, Any] = {"rows": task.rows}
    if built is None or task.forecast is None or not built.seconds:
        return result
    given = task.forecast.memory_given_bytes
    result |= {
        "seconds": round(built.seconds, 1),
        "index_bytes": built.n_bytes,
        "fit_in_memory": built.fit_in_memory,
        "precision": precision,
    }
    if task.rows >= LEARNABLE_ROWS:
        typical = model_seconds(shape_of(task.space, precision), task.rows, given)
        result["pace"] = round(built.seconds / typical, 3)
    return result


def _number(
    connection: Connection, task: Task, wanted: list[ShelfIndex], report: StepReport
) -> None:
    siblings = next((index for index in wanted if index.suffix == SIBLINGS), None)
    if siblings is None:
        return
    # From when this index answers on, whoever stores a row numbers it; who did not is waited for.
    name = f"{task.table}_{SIBLINGS}"
    build = Build(task.table, name, siblings.definition, SIBLINGS, words(siblings))
    build_index(connection, build, report)
    with watching(None, report, HNSW, "numbering copies of one text"):
        number_copies(task.space.id)


def _move(task: Task, shelf_id: int, report: StepReport) -> tuple[Space, int]:
    def waiting() -> None:
        report.at("move", "attaching a table of its own", waiting_for="a gap between searches")

    with db.autocommit() as connection:
        attach_shelf(connection, task.space, shelf_id, waiting)
    try:
        return move_to_shelf(task.space.id, shelf_id, report, "move")
    except NotFound:
        # Its collection was removed meanwhile, and nobody else knows of the new table.
        with db.autocommit() as connection:
            drop_shelf(connection, kind=task.space.kind, shelf_id=shelf_id)
        raise


def _build_beside(
    connection: Connection,
    task: Task,
    wanted: list[ShelfIndex],
    report: StepReport,
    precision: str,
) -> Built | None:
    """Build the HNSW index under another name, swap it in and drop the old one."""
    hnsw = next((index for index in wanted if index.suffix == HNSW), None)
    if hnsw is None:
        return None
    name = f"{task.table}_{HNSW}"
    remove_left_over(name + OLD)
    build = Build(task.table, name + NEXT, hnsw.definition, HNSW, words(hnsw))
    built = build_index(connection, build, report, task.forecast)
    try:
        # First: without statistics about its expression the planner passes a new index by.
        with watching(activity.backend_of(connection), report, "analyze", "gathering statistics"):
            shelf_ddl.analyze(connection, task.table)
        swap_in(task.space.id, name, report, "swap", precision=precision)
    except (RunCancelled, HubError):
        remove_left_over(name + NEXT)
        raise
    remove_left_over(name + OLD)
    return built
