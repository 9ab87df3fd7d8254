"""What upkeep does for indexes unasked: it removes what builds left behind."""

import re

from embedhub import db
from embedhub.runs.service import unfinished_run
from embedhub.spaces.building import NEXT, OLD, remove_left_over
from embedhub.spaces.index_life import WORKING
from embedhub.spaces.queries import shelf_ddl

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
