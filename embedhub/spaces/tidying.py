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
    connection: Connection, table: str, *, rows: int, died: int, report: StepReport
) -> None:
    """Vacuum a table whose index was just built, if it has dead rows and that is quick.

    `died` is how many rows had died when the index was begun: those that died since are in it.
    """
    with db.reading() as session:
        facts = server.shelf_facts(session, table)
        has_old_index = shelf_ddl.find_index(session, f"{table}_{HNSW}{OLD}") is not None
    is_worth_it = facts.dead_rows >= WORTH_VACUUMING * max(1, rows + facts.dead_rows)
    if not is_worth_it or has_old_index or facts.died - died > QUICKLY_VACUUMED * rows:
        return
    with watching(activity.backend_of(connection), report, VACUUM_STEP, "removing dead rows"):
        shelf_ddl.set_vacuum(connection, table)
        shelf_ddl.vacuum(connection, table)
