"""`wait=indexed` of items and users: until they are found by meaning, too."""

from collections.abc import Sequence

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.documents.service import IndexedState, poll_until_indexed
from embedhub.documents.waiting import Indexing, wait_for
from embedhub.spaces.members import Subject, indexing_states


def wait(
    caller: Caller, slug: str, subject: Subject, external_ids: Sequence[str], timeout_s: float
) -> Indexing:
    """Return when searches and lists see these items (or users) as they are, or know them dead.

    Before that at the time limit, and at once if too many requests wait already.
    """

    def look() -> Sequence[tuple[str, bool, str | None]]:
        with db.reading() as session:
            catalog = find_catalog(session, caller, slug)
            return indexing_states(session, catalog, subject, external_ids)

    def state_after(seconds: float) -> IndexedState:
        return poll_until_indexed(look, timeout_s=seconds)

    return wait_for(state_after, external_ids, timeout_s)
