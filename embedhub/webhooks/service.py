"""Webhooks: what a caller may rely on."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub.jobs import Job, enqueue
from embedhub.webhooks import queries
from embedhub.webhooks.events import SUBSCRIBED, Event, body_of

__all__ = ["SUBSCRIBED", "Event", "announce"]

CATALOGS = "catalogs"


def announce(
    session: Session,
    *,
    workspace_id: int,
    event: Event,
    owner_slug: str,
    payload: Mapping[str, Any],
    owner: str = "collections",
) -> None:
    """Have every webhook that wants it told of an event, once the caller's transaction commits.

    `owner` says whether the slug is one of "collections" or "catalogs". `payload` is JSON: counts,
    ids and scores of at most some hundred findings, never texts, which not everybody may see.
    Nothing happens if the collection or catalog is gone.
    """
    is_catalog = owner == CATALOGS
    owner_id = queries.find_owner(
        session, workspace_id=workspace_id, is_catalog=is_catalog, slug=owner_slug
    )
    if owner_id is None:
        return
    event_id = uuid.uuid4()
    n_told = queries.insert_deliveries(
        session,
        workspace_id=workspace_id,
        event=event.value,
        event_id=event_id,
        collection_id=None if is_catalog else owner_id,
        catalog_id=owner_id if is_catalog else None,
        body=body_of(
            event,
            event_id,
            datetime.now(UTC),
            collection=None if is_catalog else owner_slug,
            catalog=owner_slug if is_catalog else None,
            data=payload,
        ),
    )
    if n_told:
        enqueue(session, Job.DELIVER)
