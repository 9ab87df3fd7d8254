"""What upkeep does for indexes unasked: it asks for those missing, removes what builds left."""

import re

from embedhub import db
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import start_unless_paused, unfinished_run
from embedhub.spaces.building import NEXT, OLD, remove_left_over
from embedhub.spaces.index_facts import WORKING, subject_of
from embedhub.spaces.queries import shelf_ddl, shelves
from embedhub.spaces.shelving import table_of
from embedhub.spaces.wanted import wanted_indexes

SHELF = re.compile(r"_(\d+)$")


def remove_left_overs() -> int:
    """Drop indexes that nothing uses and no run is at work on; return how many are gone.

    They stem from builds that were cancelled or killed while somebody's transaction was in the way.
    """
    with db.reading() as session:
        found = [
            index
            for table, index in shelf_ddl.left_over_indexes(session, [NEXT, OLD])
            if (shelf := SHELF.search(table)) is not None
            and unfinished_run(session, kinds=WORKING, subject=f"space {shelf[1]}") is None
        ]
    return sum(remove_left_over(index) for index in found)


def complete_shelves() -> None:
    """Ask for the indexes that shelves lack which have been grown and indexed before.

    An older release built fewer, and a run that was under way does not see what is declared later.
    """
    with db.writing() as session:
        for space, owner, names in shelves.indexed_shelves(session):
            table, subject = table_of(space.kind, space.shelf_id), subject_of(space)
            wanted = {f"{table}_{index.suffix}" for index in wanted_indexes(space, owner)}
            if wanted <= set(names) or unfinished_run(session, kinds=WORKING, subject=subject):
                continue
            start_unless_paused(
                session,
                workspace_id=space.workspace_id,
                kind=RunKind.GROW_SPACE,
                subject=subject,
                arguments={"space_id": space.id},
            )
