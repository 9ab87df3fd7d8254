"""Removing everything of a deleted collection: the work of a run, in bounded batches."""

from typing import Any

from embedhub import db
from embedhub.anomalies.removal import remove_some_scores
from embedhub.collections import queries
from embedhub.documents.files import storage
from embedhub.duplicates.removal import remove_some_duplicates
from embedhub.graph.removal import remove_some_lists
from embedhub.labels.removal import remove_some_predictions
from embedhub.runs.service import RunProgress
from embedhub.spaces.shelving import drop_shelf
from embedhub.tables.spaces import SHARED_SHELF

CHUNKS_AT_ONCE = 1_000
DOCUMENTS_AT_ONCE = 200
COUNTS_AT_ONCE = 20_000
# Chunks and documents together.
SMALL_ROWS = 500


def purge_collection(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Remove a deleted collection's chunks with their vectors, documents, files, spaces and row.

    Owners go first and their vectors in a later statement, in id order, a batch a transaction. May
    be repeated after any interruption; a collection that is not marked as deleted stays untouched.
    """
    collection_id = int(arguments["collection_id"])
    with db.reading() as session:
        if not queries.is_deleted(session, collection_id):
            return {"removed": 0}
        total = queries.count_rows(session, collection_id)
        originals = storage.folder_of(queries.workspace_of(session, collection_id), collection_id)
    # What is small is left to the last transaction: many small collections cost one each.
    done = _remove_in_batches(progress, collection_id, total) if total > SMALL_ROWS else 0
    with db.writing() as session:
        spaces = queries.hold_spaces(session, collection_id)
    # Before the row goes: without it, a worker killed here would leave what nobody knows of.
    _drop_shelves(spaces)
    storage.remove_folder(originals)
    done += _remove_rest(collection_id)
    # What came in at the last moment.
    storage.remove_folder(originals)
    return {"removed": done}


def _remove_in_batches(progress: RunProgress, collection_id: int, total: int) -> int:
    done = 0
    # Each as long as the rows of the collection, and gone with its row if few are left.
    while remove_some_scores(collection_id=collection_id):
        progress.report(done, total)
    while remove_some_duplicates(collection_id=collection_id):
        progress.report(done, total)
    while remove_some_predictions(collection_id=collection_id):
        progress.report(done, total)
    while remove_some_lists(collection_id=collection_id):
        progress.report(done, total)
    # A document takes its chunks along, without their vectors: so they come after the chunks.
    for remove in (_remove_chunks, _remove_documents):
        last = 0
        # The end is when nothing is found from the start on either.
        while (removed := remove(collection_id, after=last)) or last:
            last = removed[-1] if removed else 0
            done += len(removed)
            progress.report(done, max(done, total))
    while _remove_counts(collection_id):
        progress.report(done, total)
    return done


def _remove_chunks(collection_id: int, *, after: int) -> list[int]:
    with db.writing() as session:
        spaces = queries.hold_spaces(session, collection_id)
        chunk_ids = queries.delete_chunks(session, collection_id, limit=CHUNKS_AT_ONCE, after=after)
        if chunk_ids:
            queries.delete_vectors(session, spaces, chunk_ids)
    return chunk_ids


def _remove_documents(collection_id: int, *, after: int) -> list[int]:
    with db.writing() as session:
        return queries.delete_documents(
            session, collection_id, limit=DOCUMENTS_AT_ONCE, after=after
        )


def _remove_counts(collection_id: int) -> int:
    with db.writing() as session:
        spaces = queries.hold_spaces(session, collection_id)
        ids = [space.id for space in spaces]
        return queries.delete_counts(session, ids, limit=COUNTS_AT_ONCE)


def _remove_rest(collection_id: int) -> int:
    """Remove what is left with the collection's row: what is small, or was added late.

    Somebody may have found the collection just before it was deleted.
    """
    n_removed = 0
    with db.writing() as session:
        queries.hold_collection(session, collection_id)
        spaces = queries.hold_spaces(session, collection_id)
        while chunk_ids := queries.delete_chunks(session, collection_id, limit=CHUNKS_AT_ONCE):
            queries.delete_vectors(session, spaces, chunk_ids)
            n_removed += len(chunk_ids)
        while ids := queries.delete_documents(session, collection_id, limit=DOCUMENTS_AT_ONCE):
            n_removed += len(ids)
        # The counts of words have no foreign key that would remove them with their space.
        while queries.delete_counts(session, [s.id for s in spaces], limit=COUNTS_AT_ONCE):
            pass
        queries.delete_collection(session, collection_id)
    _drop_shelves(spaces)
    return n_removed


def _drop_shelves(spaces: list[queries.SpaceOnShelf]) -> None:
    """Drop what the collection alone used, and what a growth that failed left behind empty.

    Nothing happens for shelves that are gone already.
    """
    with db.autocommit() as connection:
        for space in spaces:
            own = space.id if space.shelf_id == SHARED_SHELF else space.shelf_id
            drop_shelf(connection, kind=space.kind, shelf_id=own)
