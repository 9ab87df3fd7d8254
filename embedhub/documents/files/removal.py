"""Removing files with what was made of them."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.documents.deletion import Still, remove_documents
from embedhub.documents.files import storage
from embedhub.documents.files.queries import files as queries

REMOVED_AT_ONCE = 200


def remove_file(file_id: int, path: str) -> int:
    """Remove a file as it lies at `path`, with its documents; return how many there were.

    What is sent under its name meanwhile stays. A run that reads it at this moment finds at its
    next commit that it is gone.
    """
    with db.writing() as session:
        if not queries.begin_deletion(session, file_id, path):
            return 0
    n_deleted = 0

    def still(session: Session, ids: Sequence[int]) -> list[int]:
        is_ours = queries.hold_deleted(session, file_id, path)
        return queries.still_of(session, file_id, ids) if is_ours else []

    while True:
        n_deleted += remove_documents_of(file_id, still=still)
        with db.writing() as session:
            if not queries.hold_deleted(session, file_id, path):
                return n_deleted
            if queries.delete_if_bare(session, file_id):
                break
    if path:
        storage.remove(path)
    return n_deleted


def remove_documents_of(
    file_id: int,
    *,
    keep: frozenset[str] | set[str] = frozenset(),
    still: Still | None = None,
) -> int:
    """Delete the documents of a file but those of these names; return how many."""
    still = still or (lambda session, ids: queries.still_of(session, file_id, ids))
    after = n_deleted = 0
    while True:
        with db.reading() as session:
            found = queries.documents_of(session, file_id, after=after, limit=REMOVED_AT_ONCE)
        if not found:
            return n_deleted
        after = found[-1][0]
        gone = [ident for ident, name in found if name not in keep]
        if gone:
            n_deleted += remove_documents(gone, still=still)
