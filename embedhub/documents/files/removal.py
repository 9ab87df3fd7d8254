"""Removing files with what was made of them."""

from embedhub import db
from embedhub.documents.deletion import remove_documents
from embedhub.documents.files import queries, storage
from embedhub.documents.files.view import FileStatus

REMOVED_AT_ONCE = 200
BEING_DELETED = "is being deleted"


def remove_file(file_id: int, path: str) -> int:
    """Remove a file, its documents and its original; return how many documents there were.

    A run that reads it at this moment finds at its next commit that it is gone.
    """
    with db.writing() as session:
        queries.replace_file(session, file_id, status=FileStatus.FAILED, reason=BEING_DELETED)
    n_deleted = 0
    while True:
        n_deleted += remove_documents_of(file_id)
        with db.writing() as session:
            if queries.delete_if_bare(session, file_id):
                break
    if path:
        storage.remove(path)
    return n_deleted


def remove_documents_of(file_id: int, *, keep: frozenset[str] | set[str] = frozenset()) -> int:
    """Delete the documents of a file but those of these names; return how many."""
    after = n_deleted = 0
    while True:
        with db.reading() as session:
            found = queries.documents_of(session, file_id, after=after, limit=REMOVED_AT_ONCE)
        if not found:
            return n_deleted
        after = found[-1][0]
        gone = [ident for ident, name in found if name not in keep]
        if gone:
            n_deleted += remove_documents(
                gone, still=lambda session, ids: queries.still_of(session, file_id, ids)
            )
