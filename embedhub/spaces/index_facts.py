"""How the index of a space stands, and whether it is worth building anew."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from embedhub.advice import Advice, AdviceCode
from embedhub.config import get_config
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import unfinished_run
from embedhub.spaces.forecast import HnswShape, in_mib
from embedhub.spaces.means import shape_of
from embedhub.spaces.queries import server, shelf_ddl
from embedhub.spaces.queries.shelf_ddl import BuiltIndex
from embedhub.spaces.queries.shelves import TABLES
from embedhub.spaces.service import LiveSpaces
from embedhub.spaces.shelving import table_of
from embedhub.spaces.wanted import HNSW, wanted_indexes
from embedhub.tables import Collection, Space
from embedhub.tables.spaces import SHARED_SHELF

# The runs that work on an index, one at a time.
WORKING = (RunKind.GROW_SPACE, RunKind.REBUILD_INDEX)
# Fewer rows are rebuilt by nobody, and an index this much larger than a fresh one is worth it.
MIN_ADVISED_ROWS = 1_000
BLOATED = 1.5
REMEDY = "build the index anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFacts:
    """How the vectors of a collection are searched, and in what state that is.

    On the shared shelf there is no index: every search compares all vectors of the collection.
    """

    shelf: str
    rows: int
    plan: str
    precision: str
    metric: str
    dimension: int
    is_valid: bool | None
    index_bytes: int
    table_bytes: int
    dead_rows: int
    dead_share: float
    definition: str | None


def index_facts(session: Session, space: Space) -> IndexFacts:
    """Return how the index of a dense space stands, its rows counted."""
    is_shared = space.shelf_id == SHARED_SHELF
    index, facts = _state(session, space)
    rows = server.count_rows(
        session, table=TABLES[space.kind], shelf_id=space.shelf_id, space_id=space.id
    )
    return IndexFacts(
        shelf="shared" if is_shared else "own",
        rows=rows,
        plan="hnsw" if space.is_indexed and not is_shared else "exact",
        precision=space.precision,
        metric=space.metric,
        dimension=space.dimension,
        is_valid=None if index is None else index.is_valid,
        index_bytes=0 if index is None else index.n_bytes,
        table_bytes=facts.table_bytes,
        dead_rows=facts.dead_rows,
        dead_share=round(_dead_share(facts), 4),
        definition=None if index is None else index.definition,
    )


def subject_of(space: Space) -> str:
    """Return what the runs that work on the index of a space name as their subject."""
    return f"space {space.id}"


def index_advice(session: Session, collection: Collection, spaces: LiveSpaces) -> list[Advice]:
    """Return what to do about a collection's vector index, by statistics alone.

    Nothing while a run is at work on it.
    """
    space = spaces.dense
    if space is None or space.shelf_id == SHARED_SHELF or not space.is_indexed:
        return []
    index, facts = _state(session, space)
    if index is None or facts.live_rows < MIN_ADVISED_ROWS:
        return []
    wanted = next(one for one in wanted_indexes(space, collection) if one.suffix == HNSW)
    if unfinished_run(session, kinds=WORKING, subject=subject_of(space)) is not None:
        return []
    reasons = [
        *dead_reason(facts.dead_rows, _dead_share(facts)),
        *bloat_reason(index.n_bytes, facts.live_rows, shape_of(space)),
        *_settings_reason(index.definition, wanted.definition),
    ]
    now = datetime.now(UTC)
    return [Advice(AdviceCode.REBUILD_INDEX, f"{reason}: {REMEDY}", now) for reason in reasons[:1]]


def dead_reason(dead_rows: int, dead_share: float) -> list[str]:
    """Return why a rebuild pays where many rows are dead: each search walks over them.

    It is also faster than to vacuum them out of the graph one by one (pgvector, issue 450).
    """
    if dead_share < get_config().rebuild_dead_share:
        return []
    return [
        (
            f"{dead_rows:,} deleted or changed rows, {dead_share:.0%} of the table, are still in"
            " the vector index and slow searches down"
        )
    ]


def bloat_reason(index_bytes: int, rows: int, shape: HnswShape) -> list[str]:
    """Return why a rebuild pays where the index is much larger than a fresh one."""
    fresh = rows * shape.disk_per_row
    if index_bytes <= BLOATED * fresh:
        return []
    return [
        (
            f"the vector index takes {in_mib(index_bytes)}, a fresh one of its {rows:,} rows would"
            f" take {in_mib(round(fresh))}"
        )
    ]


def _settings_reason(definition: str | None, wanted: str) -> list[str]:
    if definition in (None, wanted):
        return []
    return ["the vector index was built with other settings than those of now"]


def _state(session: Session, space: Space) -> tuple[BuiltIndex | None, server.ShelfFacts]:
    if space.shelf_id == SHARED_SHELF:
        return None, server.ShelfFacts(0, 0, 0, 0)
    table = table_of(space.kind, space.shelf_id)
    index = shelf_ddl.find_index(session, f"{table}_{HNSW}")
    return index, server.shelf_facts(session, table)


def _dead_share(facts: server.ShelfFacts) -> float:
    return facts.dead_rows / max(1, facts.dead_rows + facts.live_rows)
