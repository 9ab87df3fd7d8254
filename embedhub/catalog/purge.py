"""Removing everything of a deleted catalog: the work of a run, in bounded batches."""

from typing import Any

from embedhub import db
from embedhub.anomalies.removal import remove_some_scores
from embedhub.catalog.queries import catalogs as queries
from embedhub.duplicates.removal import remove_some_duplicates
from embedhub.graph.removal import remove_some_lists
from embedhub.labels.removal import remove_some_predictions
from embedhub.runs.service import RunProgress
from embedhub.spaces.members import (
    Subject,
    delete_counts,
    drop_shelves,
    hold_spaces_of,
    remove_members,
)

ROWS_AT_ONCE = 10_000
# With their vectors and the counts of their words.
MEMBERS_AT_ONCE = 1_000
COUNTS_AT_ONCE = 20_000


def purge_catalog(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Remove a deleted catalog's interactions, impressions, items, users, vectors and row.

    May be repeated after any interruption; a catalog that is not marked as deleted stays untouched.
    """
    catalog_id = int(arguments["catalog_id"])
    with db.reading() as session:
        if not queries.is_deleted(session, catalog_id):
            return {"removed": 0}
    done = 0
    while remove_some_scores(catalog_id=catalog_id):
        progress.report(done)
    while remove_some_duplicates(catalog_id=catalog_id):
        progress.report(done)
    while remove_some_predictions(catalog_id=catalog_id):
        progress.report(done)
    while remove_some_lists(catalog_id=catalog_id):
        progress.report(done)
    for table in queries.PURGED:
        while n_removed := _remove(table, catalog_id):
            done += n_removed
            progress.report(done)
    for subject in Subject:
        while n_removed := _remove_members(subject, catalog_id):
            done += n_removed
            progress.report(done)
    while _remove_counts(catalog_id):
        progress.report(done)
    with db.writing() as session:
        spaces = hold_spaces_of(session, catalog_id)
    # Before the row goes: without it, a worker killed here would leave what nobody knows of.
    drop_shelves(spaces)
    _remove_rest(catalog_id)
    drop_shelves(spaces)
    return {"removed": done}


def _remove(table: str, catalog_id: int) -> int:
    with db.writing() as session:
        return queries.delete_rows(session, table, catalog_id, limit=ROWS_AT_ONCE)


def _remove_members(subject: Subject, catalog_id: int) -> int:
    with db.writing() as session:
        spaces = hold_spaces_of(session, catalog_id)
        ids = queries.delete_members(session, subject.value, catalog_id, limit=MEMBERS_AT_ONCE)
        remove_members(session, spaces, subject, ids)
    return len(ids)


def _remove_counts(catalog_id: int) -> int:
    with db.writing() as session:
        spaces = hold_spaces_of(session, catalog_id)
        return delete_counts(session, spaces, limit=COUNTS_AT_ONCE)


def _remove_rest(catalog_id: int) -> None:
    """Remove the catalog's row with whatever came in at the last moment."""
    with db.writing() as session:
        queries.hold_catalog(session, catalog_id)
        spaces = hold_spaces_of(session, catalog_id)
        for subject in Subject:
            while ids := queries.delete_members(
                session, subject.value, catalog_id, limit=MEMBERS_AT_ONCE
            ):
                remove_members(session, spaces, subject, ids)
        while delete_counts(session, spaces, limit=COUNTS_AT_ONCE):
            pass
        queries.delete_catalog(session, catalog_id)
