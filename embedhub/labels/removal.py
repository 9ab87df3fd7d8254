"""Removing the predictions of a collection or catalog: as many as it has rows, so in batches."""

from embedhub import db
from embedhub.labels.queries import predictions

PREDICTIONS_AT_ONCE = 5_000


def remove_some_predictions(
    *, collection_id: int | None = None, catalog_id: int | None = None
) -> int:
    """Delete some predictions of one that is being removed; return how many."""
    with db.writing() as session:
        return predictions.delete_some_of_owner(
            session,
            collection_id=collection_id,
            catalog_id=catalog_id,
            limit=PREDICTIONS_AT_ONCE,
        )
