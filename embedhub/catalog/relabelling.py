"""What filters see of items, rewritten by a run after a catalog's filterable fields changed."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.catalog.queries import catalogs as queries
from embedhub.catalog.queries.members import item_batch
from embedhub.catalog.visibility import index_attributes
from embedhub.runs.service import RunKind, RunProgress, RunStatus, latest_status, start_run
from embedhub.spaces.members import (
    Subject,
    complete_indexes,
    hold_catalog_spaces,
    repeat_attributes,
)
from embedhub.tables import Catalog

ITEMS_AT_ONCE = 500


def needs_relabelling(session: Session, catalog: Catalog, filterable: Mapping[str, str]) -> bool:
    """Say whether items have to follow: also the same fields again, if the last run failed."""
    return filterable != catalog.filterable or (
        latest_status(
            session,
            workspace_id=catalog.workspace_id,
            kind=RunKind.UPDATE_ATTRIBUTES,
            owner=("catalog_id", catalog.id),
        )
        is RunStatus.FAILED
    )


def start_relabelling(session: Session, catalog: Catalog) -> int:
    """Ask for the run that brings the items up to the changed fields; return its id."""
    return start_run(
        session,
        workspace_id=catalog.workspace_id,
        kind=RunKind.UPDATE_ATTRIBUTES,
        # Of its own for each change: a run under way has left items behind it.
        subject=f"catalog {catalog.id}, change {uuid.uuid4().hex[:8]}",
        arguments={"catalog_id": catalog.id},
    )


def relabel_items(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Rewrite what filters see of a catalog's items; may be repeated after any interruption."""
    after = n_done = 0
    while True:
        with db.writing() as session:
            catalog = queries.held_unless_deleted(session, int(arguments["catalog_id"]))
            if catalog is None:
                return {"n_items": n_done}
            spaces = hold_catalog_spaces(session, catalog)
            batch = item_batch(session, catalog_id=catalog.id, after=after, limit=ITEMS_AT_ONCE)
            for item in batch:
                item.index_attributes = index_attributes(item, catalog.filterable)
            session.flush()
            repeat_attributes(session, spaces, Subject.ITEM, [item.id for item in batch])
            if not batch:
                # Only now: until here the rows still held the old form.
                complete_indexes(session, catalog)
                return {"n_items": n_done}
        after, n_done = batch[-1].id, n_done + len(batch)
        progress.report(n_done)
