"""Removing scores of what is being removed: in batches, because there may be one for each row."""

from embedhub import db
from embedhub.anomalies.queries import scores

SCORES_AT_ONCE = 10_000


def remove_some_scores(*, collection_id: int | None = None, catalog_id: int | None = None) -> int:
    """Delete some scores of a collection or catalog that is being removed; return how many."""
    with db.writing() as session:
        return scores.delete_some(
            session, collection_id=collection_id, catalog_id=catalog_id, limit=SCORES_AT_ONCE
        )
