"""Changes of a collection that its stored documents have to follow, each by a run."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from embedhub.runs.service import RunKind, RunStatus, latest_status, start_run
from embedhub.tables import Collection

FOLLOWED_BY = {
    "filterable": RunKind.UPDATE_ATTRIBUTES,
    "chunking": RunKind.RECHUNK_DOCUMENTS,
}


def run_needed(
    session: Session, collection: Collection, columns: Mapping[str, Any]
) -> RunKind | None:
    """Return the kind of the run that these changes need, if any.

    What stays as it is needs one only if the last one failed or was cancelled.
    """
    for name, kind in FOLLOWED_BY.items():
        if name in columns and (
            columns[name] != getattr(collection, name)
            or latest_status(
                session,
                workspace_id=collection.workspace_id,
                kind=kind,
                owner=("collection_id", collection.id),
            )
            in {RunStatus.FAILED, RunStatus.CANCELLED}
        ):
            return kind
    return None


def start_following(session: Session, collection: Collection, kind: RunKind) -> int:
    """Ask for the run that brings the documents up to the changed collection; return its id."""
    arguments: dict[str, Any] = {"collection_id": collection.id}
    if kind is RunKind.RECHUNK_DOCUMENTS:
        arguments["chunking"] = collection.chunking
    return start_run(
        session,
        workspace_id=collection.workspace_id,
        kind=kind,
        # Of its own for each change: a run under way has left documents behind it.
        subject=f"collection {collection.id}, change {uuid.uuid4().hex[:8]}",
        arguments=arguments,
    )
