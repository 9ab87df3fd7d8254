"""After large deletions: room and speed come back without waiting for autovacuum."""

from embedhub import db
from embedhub.spaces.queries import shelf_ddl
from embedhub.spaces.queries.shelves import TABLES
from embedhub.spaces.queries.spaces import own_shelves


def vacuum_shelves(collection_id: int) -> list[str]:
    """Vacuum the tables that a collection has for itself; return their names.

    Beside everybody's work, and for runs only: it may take minutes. The shared shelf is left to
    autovacuum, which sees what all collections together leave there.
    """
    with db.reading() as session:
        shelves = own_shelves(session, collection_id=collection_id)
    tables = [f"{TABLES[kind]}_{shelf_id}" for kind, shelf_id in shelves]
    with db.autocommit() as connection:
        for table in tables:
            shelf_ddl.vacuum(connection, table)
    return tables
