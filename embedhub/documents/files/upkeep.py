"""What nobody asks for: files past their time, waiting ones that no run reads, lost originals."""

import itertools
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from embedhub import db
from embedhub.documents.files import storage
from embedhub.documents.files.queries import files as queries
from embedhub.documents.files.queries import originals
from embedhub.documents.files.queries.files import Place
from embedhub.documents.files.queries.originals import Owner
from embedhub.documents.files.removal import remove_file
from embedhub.documents.files.service import ask_to_read

DELETED_AT_ONCE = 100
# Less than a sweep's interval, so that two do not delete the same.
BUDGET_S = 10.0
# Files sent in the very moment in which a run found none left.
LEFT_AFTER = timedelta(seconds=5)
RUNG_AT_ONCE = 100
# An upload under way is written to until moments before its row is there.
LOST_AFTER = timedelta(days=1)
COMPARED_AT_ONCE, COLLECTIONS_AT_ONCE = 2_000, 200
OURS = re.compile(r"\d+/\d+/[0-9a-f]{32}")


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


def remove_lost_originals() -> int:
    """Remove originals that no row has named for a day; return how many.

    A worker that is killed between storing a file and writing its row leaves one behind. Looks for
    some seconds and begins with any collection, so that what one call does not reach another will.
    """
    deadline = time.monotonic() + BUDGET_S
    n_removed = 0
    for owner in _owners():
        paths = storage.list_originals(storage.folder_of(owner.workspace_id, owner.collection_id))
        # Whatever else somebody put there is not ours.
        ours = (path for path in paths if OURS.fullmatch(path))
        while some := list(itertools.islice(ours, COMPARED_AT_ONCE)):
            n_removed += _remove_lost(owner, some)
            if time.monotonic() > deadline:
                return n_removed
    return n_removed


def _owners() -> Iterator[Owner]:
    """Yield every collection once, beginning with any of them."""
    with db.reading() as session:
        newest = originals.newest_collection(session)
    start = 1 + secrets.randbelow(max(newest, 1))
    yield from _owners_between(start, newest + 1)
    yield from _owners_between(1, start)


def _owners_between(first: int, end: int) -> Iterator[Owner]:
    while first < end:
        with db.reading() as session:
            owners = originals.owners(session, first, end, limit=COLLECTIONS_AT_ONCE)
        yield from owners
        if len(owners) < COLLECTIONS_AT_ONCE:
            return
        first = owners[-1].collection_id + 1


def _remove_lost(owner: Owner, paths: Sequence[str]) -> int:
    with db.reading() as session:
        named = originals.named(session, paths)
    n_removed = 0
    for path in paths:
        if path in named:
            continue
        written_at = storage.written_at(path)
        # What is older than its collection came from another database: this one knows nothing of
        # it. What is younger than a day may be on its way.
        if written_at and owner.created_at < written_at < datetime.now(UTC) - LOST_AFTER:
            storage.remove(path)
            n_removed += 1
    return n_removed
