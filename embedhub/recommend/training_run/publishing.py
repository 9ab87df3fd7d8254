"""Which version answers: published, taken back, and dropped when it is too old.

One transaction switches; whoever reads sees the one or the other in full. The spaces of a version
stand as it does.
"""

import logging
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.jobs import Job
from embedhub.recommend.queries import versions
from embedhub.recommend.training_run.queries import publishing as queries
from embedhub.recommend.training_run.queries import storing
from embedhub.recommend.training_run.view import VersionView, view_of
from embedhub.recommend.versions import Status
from embedhub.spaces import vectors
from embedhub.tables import RecommenderVersion

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 2_000
LEFT_OVERS_AT_ONCE = 50
PUBLISHABLE = (Status.READY, Status.RETIRED)
WHY_NOT = {
    Status.TRAINING: "it is still being stored",
    Status.REJECTED: "it was rejected and only its figures are kept",
    Status.DROPPED: "it is too old and only its figures are kept",
}


def publish_version(caller: Caller, slug: str, number: int) -> VersionView:
    """Let a version answer from now on, one of before too; the one that did can be brought back.

    Raises NotFound, or Conflict for a version that is not stored.
    """
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        if storing.hold_catalog(session, catalog.id) is None:
            raise NotFound("catalog", slug)
        row = versions.find_version(session, catalog_id=catalog.id, number=number)
        if row is None:
            raise NotFound("version", number)
        status = Status(row.status)
        if status is Status.LIVE:
            return view_of(row)
        if status not in PUBLISHABLE:
            raise Conflict(f"version {number} cannot be published: {WHY_NOT[status]}")
        make_live(session, row)
        session.refresh(row)
        return view_of(row)


def make_live(session: Session, row: RecommenderVersion) -> None:
    """Let a stored version of a held catalog answer in place of the one that does."""
    before = versions.find_live(session, catalog_id=row.catalog_id)
    if before is not None:
        storing.update_version(session, before.id, status=Status.RETIRED.value)
        _set_spaces(session, before, "retired")
    storing.update_version(
        session, row.id, status=Status.LIVE.value, published_at=datetime.now(UTC)
    )
    _set_spaces(session, row, "live")
    # Items that came while it did not answer.
    jobs.enqueue(session, Job.PLACE_ITEMS, catalog_id=row.catalog_id)


def drop_old(catalog_id: int) -> int:
    """Drop the versions of a catalog beyond those to keep; return how many."""
    with db.writing() as session:
        if storing.hold_catalog(session, catalog_id) is None:
            return 0
        too_old = queries.kept_versions(session, catalog_id=catalog_id)[
            get_config().kept_versions :
        ]
        for row in too_old:
            storing.update_version(session, row.id, status=Status.DROPPED.value)
    for row in too_old:
        remove_stored(row)
    return len(too_old)


def remove_stored(row: RecommenderVersion) -> None:
    """Remove what a version was served from; its row and figures stay.

    May be repeated after any interruption.
    """
    remove_rows(row)
    for space_id in (row.factor_space_id, row.user_space_id):
        if space_id is not None:
            vectors.remove_space(space_id)


def remove_rows(row: RecommenderVersion) -> None:
    """Remove all that was stored of a version but its vectors."""
    db.in_batches(
        lambda session, size: storing.delete_rows(session, row.id, limit=size), size=ROWS_AT_ONCE
    )
    with db.writing() as session:
        storing.delete_arrays(session, row.id)


def remove_left_overs() -> int:
    """Remove what killed trainings and removals left behind; return of how many versions."""
    with db.writing() as session:
        found = queries.left_overs(session, limit=LEFT_OVERS_AT_ONCE)
        for row in found:
            if row.status == Status.TRAINING:
                _give_up(session, row)
    for row in found:
        logger.info("removing what a version left", extra={"version_id": row.id})
        remove_stored(row)
    return len(found)


def give_up_unfinished(catalog_id: int) -> None:
    """Remove what an earlier try of a training has stored."""
    with db.writing() as session:
        found = [
            row
            for id_ in queries.unfinished_of(session, catalog_id=catalog_id)
            if (row := session.get(RecommenderVersion, id_)) is not None
        ]
        for row in found:
            _give_up(session, row)
    for row in found:
        remove_stored(row)


def _give_up(session: Session, row: RecommenderVersion) -> None:
    storing.update_version(
        session, row.id, status=Status.DROPPED.value, reason="the training did not come to its end"
    )


def _set_spaces(session: Session, row: RecommenderVersion, status: str) -> None:
    for space_id in (row.factor_space_id, row.user_space_id):
        if space_id is not None:
            vectors.set_status(session, space_id, status)
