"""Work on documents that nobody waits for: new filter fields, retention of old texts."""

from typing import Any

from embedhub import db
from embedhub.collections.service import find_by_id
from embedhub.config import get_config
from embedhub.documents.queries import upkeep as queries
from embedhub.runs.progress import RunProgress
from embedhub.search.attributes import normalise_attributes
from embedhub.spaces import generations
from embedhub.spaces.service import complete_indexes

RELABELLED_AT_ONCE = 500


def update_attributes(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Rewrite the filter values of a collection after its filterable fields changed."""
    after = n_done = 0
    while True:
        with db.writing() as session:
            collection = find_by_id(session, arguments["collection_id"])
            spaces = generations.hold_spaces(session, collection.id)
            batch = queries.document_batch(
                session, collection_id=collection.id, after=after, limit=RELABELLED_AT_ONCE
            )
            for document in batch:
                document.attributes = normalise_attributes(
                    document.metadata_, collection.filterable
                )
            session.flush()
            generations.repeat_filter_columns(session, spaces, [row.id for row in batch])
        if not batch:
            # Only now: until here the rows still held the old form.
            complete_indexes(collection.id)
            return {"n_documents": n_done}
        after, n_done = batch[-1].id, n_done + len(batch)
        progress.report(n_done)


def forget_old_versions() -> int:
    """Delete texts that were superseded more than `version_days` ago; return how many."""
    days = get_config().version_days
    return db.in_batches(
        lambda session, size: queries.delete_old_versions(session, days=days, limit=size)
    )
