"""What nobody asks for: files past their time, and files that wait although no run reads them."""

import time
from datetime import timedelta

from embedhub import db
from embedhub.documents.files import queries
from embedhub.documents.files.queries import Place
from embedhub.documents.files.removal import remove_file
from embedhub.documents.files.service import ask_to_read

DELETED_AT_ONCE = 100
# Less than a sweep's interval, so that two do not delete the same.
BUDGET_S = 10.0
# Files sent in the very moment in which a run found none left.
LEFT_AFTER = timedelta(seconds=5)
RUNG_AT_ONCE = 100


def delete_expired() -> int:
    """Delete files past their `expires_at` with originals and documents; return how many."""
    deadline = time.monotonic() + BUDGET_S
    n_deleted = 0
    while time.monotonic() < deadline:
        with db.reading() as session:
            expired = queries.expired_files(session, limit=DELETED_AT_ONCE)
        for file_id, path in expired:
            remove_file(file_id, path)
        n_deleted += len(expired)
        if len(expired) < DELETED_AT_ONCE:
            break
    return n_deleted


def ring_for_waiting() -> int:
    """Have files read that wait although no run does; return of how many collections."""
    with db.writing() as session:
        left = queries.left_waiting(session, older_than=LEFT_AFTER, limit=RUNG_AT_ONCE)
        for workspace_id, collection_id in left:
            ask_to_read(session, Place(workspace_id, collection_id))
    return len(left)
