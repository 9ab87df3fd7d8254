"""Removing what is stored of duplicates with a collection or catalog, in batches."""

from embedhub import db
from embedhub.duplicates.queries import clusters, fingerprints, pairs, sets

ROWS_AT_ONCE = 5_000


def remove_some_duplicates(
    *, collection_id: int | None = None, catalog_id: int | None = None
) -> int:
    """Delete some of what goes with a collection or catalog that is removed; return how much."""
    with db.writing() as session:
        left = ROWS_AT_ONCE
        for set_id in sets.set_ids_of(session, collection_id=collection_id, catalog_id=catalog_id):
            for delete_some in (
                pairs.delete_some,
                clusters.delete_some_members,
                fingerprints.delete_some,
            ):
                left -= delete_some(session, set_id, limit=left) if left else 0
    return ROWS_AT_ONCE - left
