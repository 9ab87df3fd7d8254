"""Vector indexes that deletions and updates wore out are built anew, unasked.

Vacuum clears dead rows out of an HNSW graph by linking their neighbours again one by one: of 50,000
rows that took 31 s when 5 % were dead and 57 s when half were, building it anew 13 s and 5 s.
"""

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.runs.history import is_any_unfinished, last_result
from embedhub.runs.kinds import UNFINISHED, RunKind
from embedhub.runs.service import latest_status, start_unless_paused, unfinished_run
from embedhub.spaces.index_facts import MIN_ADVISED_ROWS, WORKING, subject_of
from embedhub.spaces.queries import server, shelf_ddl, shelves
from embedhub.spaces.queries.server import ShelfFacts
from embedhub.spaces.queries.shelves import TABLES
from embedhub.spaces.queries.spaces import spaces_on_own_shelves
from embedhub.spaces.shelving import table_of
from embedhub.tables import Space

# Rows of an index that may have died between two sweeps for it to count as left in peace: what dies
# while it is built has to be vacuumed out of it.
CALM = 0.01
# How many dead rows this process saw last, by shelf.
_seen: dict[int, int] = {}


def renew_worn() -> int | None:
    """Ask for one index to be built anew, that with most dead rows; return the run.

    None if no index is worn, or while any is being rebuilt. One into which much is stored, or out
    of which much is deleted at the moment, is left for later, but not for ever.
    """
    share, before = get_config().rebuild_dead_share, dict(_seen)
    with db.writing() as session:
        worn = server.worn_shelves(
            session, TABLES["dense"], dead_share=share, least_rows=MIN_ADVISED_ROWS
        )
        _seen.clear()
        _seen.update({shelf_id: facts.dead_rows for shelf_id, facts in worn.items()})
        if not worn or is_any_unfinished(session, kinds=[RunKind.REBUILD_INDEX]):
            return None
        candidates = {
            space.shelf_id: space
            for space, _, _ in shelves.indexed_shelves(session)
            if space.kind == "dense" and not _is_emptied(session, space)
        }
        for shelf_id, facts in worn.items():
            space = candidates.get(shelf_id)
            if space is None or not is_time(facts, before.get(shelf_id), share):
                continue
            run_id = _renew_if_worn(session, space, facts)
            if run_id is not None:
                return run_id
    return None


def tidy_shelves(collection_id: int) -> list[int]:
    """Let the dead rows in a collection's own tables go; return the runs asked for.

    A large vector index is built anew by a run if it is worn, and left alone otherwise. All else
    is vacuumed here and now, beside everybody's work, which may take a while. The shared shelf is
    left to autovacuum, which sees what all collections together leave there.
    """
    with db.writing() as session:
        run_ids, tables = [], []
        for space in spaces_on_own_shelves(session, collection_id=collection_id):
            table = table_of(space.kind, space.shelf_id)
            facts = server.shelf_facts(session, table)
            if is_slow_to_vacuum(space, facts):
                run_ids.append(_renew_if_worn(session, space, facts))
            else:
                tables.append(table)
    with db.autocommit() as connection:
        for table in tables:
            shelf_ddl.vacuum(connection, table)
    return [run_id for run_id in run_ids if run_id is not None]


def is_slow_to_vacuum(space: Space, facts: ShelfFacts) -> bool:
    """Say whether a space has an HNSW index of so many rows that vacuum would take long."""
    return space.kind == "dense" and space.is_indexed and facts.live_rows >= MIN_ADVISED_ROWS


def is_time(facts: ShelfFacts, seen_before: int | None, dead_share: float) -> bool:
    """Say whether hardly any row died since the last look, or twice as many have as may; pure."""
    if facts.dead_rows >= 2 * dead_share * (facts.live_rows + facts.dead_rows):
        return True
    return seen_before is not None and facts.dead_rows - seen_before <= CALM * facts.live_rows


def is_worn(facts: ShelfFacts, *, died_before: int, dead_share: float) -> bool:
    """Say whether so many rows of an index died that it is worth building anew; pure.

    What died before it was built is not in it, even if somebody's transaction keeps it in the
    table: `died_before` rows had died by then since the statistics were begun.
    """
    # After a crash statistics begin anew.
    died_since = facts.died - (died_before if died_before <= facts.died else 0)
    in_index = min(facts.dead_rows, died_since)
    return in_index >= dead_share * max(1, facts.live_rows + in_index)


def _renew_if_worn(session: Session, space: Space, facts: ShelfFacts) -> int | None:
    subject = subject_of(space)
    before = last_result(session, kind=RunKind.REBUILD_INDEX, subject=subject) or {}
    share = get_config().rebuild_dead_share
    if not is_worn(facts, died_before=before.get("died_before", 0), dead_share=share):
        return None
    if unfinished_run(session, kinds=WORKING, subject=subject) is not None:
        return None
    return start_unless_paused(
        session,
        workspace_id=space.workspace_id,
        kind=RunKind.REBUILD_INDEX,
        subject=subject,
        arguments={"space_id": space.id, "collection_id": space.collection_id},
    )


def _is_emptied(session: Session, space: Space) -> bool:
    """Say whether documents of the space's collection are just being deleted by a run."""
    if space.collection_id is None:
        return False
    status = latest_status(
        session,
        workspace_id=space.workspace_id,
        kind=RunKind.DELETE_DOCUMENTS,
        owner=("collection_id", space.collection_id),
    )
    return status in UNFINISHED
