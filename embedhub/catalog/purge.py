"""Removing everything of a deleted catalog: the work of a run, in bounded batches."""

from typing import Any

from embedhub import db
from embedhub.catalog.queries import catalogs as queries
from embedhub.runs.service import RunProgress

ROWS_AT_ONCE = 10_000


def purge_catalog(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Remove a deleted catalog's interactions, impressions, items, users and row.

    May be repeated after any interruption; a catalog that is not marked as deleted stays untouched.
    """
    catalog_id = int(arguments["catalog_id"])
    with db.reading() as session:
        if not queries.is_deleted(session, catalog_id):
            return {"removed": 0}
    done = 0
    for table in queries.PURGED:
        while n_removed := _remove(table, catalog_id):
            done += n_removed
            progress.report(done)
    with db.writing() as session:
        queries.delete_catalog(session, catalog_id)
    return {"removed": done}


def _remove(table: str, catalog_id: int) -> int:
    with db.writing() as session:
        return queries.delete_rows(session, table, catalog_id, limit=ROWS_AT_ONCE)
