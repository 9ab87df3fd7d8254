"""Catalogs of an older release, which made no vectors of items: opened to search by upkeep."""

from embedhub import db, jobs
from embedhub.catalog.queries import catalogs as queries
from embedhub.catalog.storing import BULK
from embedhub.jobs import Job
from embedhub.spaces.members import (
    Subject,
    answer_anew,
    create_catalog_spaces,
    hold_catalog_spaces,
)

OPENED_AT_ONCE = 100


def open_older_catalogs() -> int:
    """Give catalogs without spaces theirs, and enter all their texts; return how many."""
    with db.reading() as session:
        found = queries.catalogs_without_spaces(session, limit=OPENED_AT_ONCE)
    return sum(_open(catalog_id) for catalog_id in found)


def _open(catalog_id: int) -> bool:
    # All or nothing: of a catalog that has spaces nobody would look for texts not entered.
    with db.writing() as session:
        catalog = queries.held_without_spaces(session, catalog_id)
        if catalog is None:
            return False
        create_catalog_spaces(session, catalog)
        spaces = hold_catalog_spaces(session, catalog)
        for subject in Subject:
            ids = queries.worded_members(session, subject.value, catalog_id)
            answer_anew(session, spaces, catalog, subject, ids, new_ids=ids, priority=BULK)
        jobs.enqueue(session, Job.EMBED)
    return True
