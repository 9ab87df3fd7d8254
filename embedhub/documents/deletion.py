"""Deleting documents with all that was made of them: by request, by run, by the clock.

What to delete is looked up first and again under the lock of each document: a document that was
sent again in between is not what was asked to be deleted.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_by_id, find_collection
from embedhub.documents.queries import reading, upkeep, writing
from embedhub.documents.queries.reading import Chosen
from embedhub.errors import InvalidInput
from embedhub.runs.kinds import RunKind
from embedhub.runs.progress import RunProgress, signs_of_life
from embedhub.runs.service import start_run
from embedhub.search.filters import parse_filter
from embedhub.spaces import generations
from embedhub.spaces.renewal import tidy_shelves

DELETED_AT_ONCE = 200
# More documents than this are deleted by a run.
DELETED_IN_REQUEST = 1_000
# A run that deleted fewer leaves the dead rows to upkeep and to autovacuum.
WORTH_VACUUMING = 1_000
# Less than a sweep's interval, so that two do not delete the same.
EXPIRY_BUDGET_S = 10.0

# Of the ids given, which are still to be deleted now that they are locked.
Still = Callable[[Session, Sequence[int]], list[int]]


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many documents are gone, or the run that deletes them."""

    n_deleted: int
    run_id: int | None = None


def delete_documents(
    caller: Caller,
    slug: str,
    *,
    external_ids: Sequence[str] | None = None,
    where: Mapping[str, Any] | None = None,
) -> Deleted:
    """Delete documents by id or by filter with all that was made of them.

    Ids that do not exist are passed over. What would take long becomes a run. An empty filter is
    refused: deleting everything is deleting the collection.
    """
    if (external_ids is None) == (where is None):
        raise InvalidInput("give either external_ids or filter", "filter")
    if where is not None and not where:
        raise InvalidInput(
            "must not be empty: delete the collection to delete everything", "filter"
        )
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        caller.require_writing()
        chosen = Chosen(
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            where=parse_filter(where, collection.filterable),
            external_ids=external_ids,
            sent_before=reading.now(session),
        )
        ids = reading.matching_ids(session, chosen=chosen, limit=DELETED_IN_REQUEST + 1)
    if len(ids) > DELETED_IN_REQUEST:
        return _start_deletion(chosen, where)
    n_deleted = 0
    for start in range(0, len(ids), DELETED_AT_ONCE):
        n_deleted += remove_documents(ids[start : start + DELETED_AT_ONCE], still=_still(chosen))
    return Deleted(n_deleted)


def carry_out_deletion(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Delete what a run's ids or filter mean, as far as sent before it was asked for.

    In batches; may be repeated after any interruption.
    """
    after = n_deleted = 0
    total: int | None = None
    while True:
        with db.reading() as session:
            chosen = _chosen_by(session, arguments)
            if total is None:
                total = reading.count_matching(session, chosen=chosen)
            ids = reading.matching_ids(session, chosen=chosen, after=after, limit=DELETED_AT_ONCE)
        if not ids:
            break
        n_deleted += remove_documents(ids, still=_still(chosen))
        after = ids[-1]
        progress.report(n_deleted, total)
    if n_deleted >= WORTH_VACUUMING:
        with signs_of_life(progress, n_deleted, total):
            run_ids = tidy_shelves(chosen.collection_id)
        if run_ids:
            return {"n_deleted": n_deleted, "rebuild_run_id": run_ids[0]}
    return {"n_deleted": n_deleted}


def _chosen_by(session: Session, arguments: dict[str, Any]) -> Chosen:
    collection = find_by_id(session, arguments["collection_id"])
    return Chosen(
        workspace_id=collection.workspace_id,
        collection_id=collection.id,
        where=parse_filter(arguments["filter"], collection.filterable),
        external_ids=arguments["external_ids"],
        sent_before=datetime.fromisoformat(arguments["sent_before"]),
    )


def delete_expired(budget_s: float = EXPIRY_BUDGET_S) -> int:
    """Delete documents past their `expires_at`, oldest first; return how many.

    What is left when the time is spent waits for the next sweep; no search finds it meanwhile.
    """
    deadline = time.monotonic() + budget_s
    since: datetime | None = None
    n_deleted = 0
    while True:
        with db.reading() as session:
            expired = upkeep.expired_documents(session, since=since, limit=DELETED_AT_ONCE)
        if not expired:
            return n_deleted
        ids = sorted(ident for ident, _ in expired)
        n_deleted += remove_documents(ids, still=upkeep.still_expired)
        since = expired[-1][1]
        if time.monotonic() > deadline:
            return n_deleted


def remove_documents(document_ids: Sequence[int], *, still: Still) -> int:
    """Delete documents with versions, chunks, vectors and pending rows in one transaction.

    Returns how many; those that `still` leaves out under their locks stay.
    """

    def remove() -> int:
        with db.writing() as session:
            n_removed = 0
            for spaces, locked in generations.held(session, document_ids):
                ids = still(session, locked)
                chunk_ids = writing.delete_documents(session, ids)
                generations.remove_traces(session, spaces, chunk_ids)
                n_removed += len(ids)
            return n_removed

    return db.retry_deadlocks(remove)


def _still(chosen: Chosen) -> Still:
    return lambda session, ids: reading.matching_ids(
        session, chosen=chosen, among=ids, limit=len(ids)
    )


def _start_deletion(chosen: Chosen, where: Mapping[str, Any] | None) -> Deleted:
    external_ids = None if chosen.external_ids is None else list(chosen.external_ids)
    with db.writing() as session:
        run_id = start_run(
            session,
            workspace_id=chosen.workspace_id,
            kind=RunKind.DELETE_DOCUMENTS,
            # Of its own for each request: another one under way deletes other documents.
            subject=f"collection {chosen.collection_id}, deletion {uuid.uuid4().hex[:8]}",
            arguments={
                "collection_id": chosen.collection_id,
                "external_ids": external_ids,
                "filter": where,
                "sent_before": chosen.sent_before and chosen.sent_before.isoformat(),
            },
        )
    return Deleted(0, run_id=run_id)
