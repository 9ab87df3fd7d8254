"""Changed metadata and access, repeated in the index: at once where few rows are, else by a run.

What may be shown is always asked of the document itself, so an access list that was narrowed holds
at once. Filters, and who was newly let in, wait for the run; searches say so meanwhile.
"""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.collections.service import find_by_id
from embedhub.config import get_config
from embedhub.documents.preparation import CollectionFacts
from embedhub.runs.kinds import RunKind
from embedhub.runs.progress import RunProgress
from embedhub.runs.service import start_run
from embedhub.spaces import generations
from embedhub.tables import Space

DOCUMENTS_AT_ONCE = 50
ROWS_AT_ONCE = 1_000


def repeat_or_start(
    session: Session, facts: CollectionFacts, spaces: Sequence[Space], document_ids: Sequence[int]
) -> int | None:
    """Repeat what held documents say for filters in their index rows, or start the run that does.

    Returns the run, None if all is done.
    """
    limit = get_config().relabelled_rows
    n_rows = generations.count_outdated(session, spaces, document_ids, at_most=limit + 1)
    if n_rows <= limit:
        generations.repeat_filter_columns(session, spaces, document_ids)
        return None
    return start(
        session,
        workspace_id=facts.workspace_id,
        collection_id=facts.id,
        document_ids=document_ids,
    )


def start(
    session: Session, *, workspace_id: int, collection_id: int, document_ids: Sequence[int]
) -> int:
    """Start the run that repeats in the index what documents say for filters; return it."""
    return start_run(
        session,
        workspace_id=workspace_id,
        kind=RunKind.RELABEL_DOCUMENTS,
        # Of its own for each request: the one under way works on other documents.
        subject=f"collection {collection_id}, change {uuid.uuid4().hex[:8]}",
        arguments={"collection_id": collection_id, "document_ids": sorted(document_ids)},
    )


def relabel_documents(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out a run of kind RELABEL_DOCUMENTS, as the documents are by then; may be repeated."""
    document_ids = [int(ident) for ident in arguments["document_ids"]]
    n_rows = 0
    for start in range(0, len(document_ids), DOCUMENTS_AT_ONCE):
        some = document_ids[start : start + DOCUMENTS_AT_ONCE]
        while n_done := db.retry_deadlocks(partial(_repeat, arguments, some)):
            n_rows += n_done
            progress.report(start, len(document_ids))
        progress.report(start + len(some), len(document_ids))
    return {"rows": n_rows}


def _repeat(arguments: dict[str, Any], document_ids: Sequence[int]) -> int:
    with db.writing() as session:
        find_by_id(session, arguments["collection_id"])
        return sum(
            generations.repeat_some(session, spaces, ids, limit=ROWS_AT_ONCE)
            for spaces, ids in generations.held(session, document_ids)
        )
