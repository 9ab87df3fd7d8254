"""Dead rows go out of the table of a shelf where that is quick: behind the rebuild of its index."""

from sqlalchemy import Connection

from embedhub import db
from embedhub.spaces.building import OLD
from embedhub.spaces.queries import activity, server, shelf_ddl
from embedhub.spaces.wanted import HNSW
from embedhub.spaces.watching import StepReport, watching

VACUUM_STEP = "vacuum"
# From this share of dead rows on a rebuild removes them as well.
WORTH_VACUUMING = 0.02
# Of rows that died since the index was begun: each has its neighbours in the graph linked anew.
QUICKLY_VACUUMED = 0.01


def clear_dead_rows(
    connection: Connection, table: str, *, rows: int, dead_before: int, report: StepReport
) -> int:
    """Vacuum a table whose index was just built, if that is quick; return the dead rows it keeps.

    `dead_before` rows had died when that was begun. Those that died since are not counted: they
    are in the index as well.
    """
    with db.reading() as session:
        dead = server.shelf_facts(session, table).dead_rows
        has_old_index = shelf_ddl.find_index(session, f"{table}_{HNSW}{OLD}") is not None
    is_worth_it = dead >= WORTH_VACUUMING * max(1, rows + dead)
    if not is_worth_it or has_old_index or dead - dead_before > QUICKLY_VACUUMED * rows:
        return dead_before
    with watching(activity.backend_of(connection), report, VACUUM_STEP, "removing dead rows"):
        shelf_ddl.set_vacuum(connection, table)
        shelf_ddl.vacuum(connection, table)
    with db.reading() as session:
        return server.shelf_facts(session, table).dead_rows
