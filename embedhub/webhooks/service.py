"""Webhooks: what a caller may rely on.

Whoever sets one up is told of every document's findings, so it takes a key of scope admin that is
bound to nothing. A webhook is told ids and scores, never texts.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller, Scope
from embedhub.config import get_config
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.jobs import Job, enqueue
from embedhub.sealing import seal
from embedhub.tables import Webhook
from embedhub.webhooks.checks import (
    check_count,
    checked_description,
    checked_events,
    checked_url,
)
from embedhub.webhooks.delivering import PURPOSE
from embedhub.webhooks.events import SUBSCRIBED, Event, body_of
from embedhub.webhooks.queries import delivering
from embedhub.webhooks.queries import webhooks as queries
from embedhub.webhooks.signing import make_secret
from embedhub.webhooks.view import (
    WebhookInput,
    WebhookView,
    webhook_view,
)

__all__ = [
    "SUBSCRIBED",
    "Event",
    "WebhookInput",
    "WebhookView",
    "announce",
    "check_keeper",
    "create_webhook",
    "delete_webhook",
    "find_webhook",
    "get_webhook",
    "list_webhooks",
    "renew_secret",
    "update_webhook",
]

CATALOGS = "catalogs"
SETTABLE = ("active", "paused")
DELETED_AT_ONCE = 2_000


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
    owner_id = delivering.find_owner(
        session, workspace_id=workspace_id, is_catalog=is_catalog, slug=owner_slug
    )
    if owner_id is None:
        return
    event_id = uuid.uuid4()
    n_told = delivering.insert_deliveries(
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


def create_webhook(caller: Caller, wanted: WebhookInput) -> tuple[WebhookView, str]:
    """Make a webhook and return it with its secret, which cannot be had a second time.

    Raises InvalidInput, NotReady where the installation has no secret to seal with, and Conflict
    if the workspace has as many as it may.
    """
    check_keeper(caller)
    columns: dict[str, Any] = {
        "url": checked_url(wanted.url),
        "events": checked_events(wanted.events),
        "description": checked_description(wanted.description),
    }
    secret = make_secret()
    columns["secret"] = seal(secret, PURPOSE)
    limit = get_config().max_webhooks
    with db.writing() as session:
        if queries.count_webhooks(session, workspace_id=caller.workspace_id) >= limit:
            raise Conflict(f"a workspace has at most {limit} webhooks")
        columns |= _bounds(session, caller, wanted.collections, wanted.catalogs)
        row = queries.insert_webhook(session, workspace_id=caller.workspace_id, **columns)
        return _views(session, [row])[0], secret


def list_webhooks(caller: Caller, *, after: int = 0, limit: int = 50) -> list[WebhookView]:
    """Return the workspace's webhooks, oldest first, from the one behind `after` on."""
    check_keeper(caller)
    with db.reading() as session:
        rows = queries.list_webhooks(
            session, workspace_id=caller.workspace_id, after=after, limit=limit
        )
        return _views(session, rows)


def get_webhook(caller: Caller, webhook_id: int) -> WebhookView:
    """Return a webhook; raises NotFound."""
    check_keeper(caller)
    with db.reading() as session:
        return _views(session, [find_webhook(session, caller, webhook_id)])[0]


def update_webhook(caller: Caller, webhook_id: int, changes: Mapping[str, Any]) -> WebhookView:
    """Change what is named of url, events, collections, catalogs, description and status.

    Set active, it is sent at once what waited for it. Raises InvalidInput and NotFound.
    """
    check_keeper(caller)
    checks = {"url": checked_url, "events": checked_events, "description": checked_description}
    columns: dict[str, Any] = {
        name: check(changes[name]) for name, check in checks.items() if name in changes
    }
    status = changes.get("status")
    if status is not None and status not in SETTABLE:
        raise InvalidInput(f"must be one of {', '.join(SETTABLE)}", "status")
    with db.writing() as session:
        row = find_webhook(session, caller, webhook_id, is_for_update=True)
        bound = {name: changes[name] for name in ("collections", "catalogs") if name in changes}
        resolved = _bounds(session, caller, bound.get("collections"), bound.get("catalogs"))
        columns |= {
            column: resolved[column]
            for name, column in (("collections", "collection_ids"), ("catalogs", "catalog_ids"))
            if name in bound
        }
        if status is not None:
            columns |= {"status": status, "reason": None, "n_failures": 0}
        queries.update_webhook(session, row.id, **columns)
        if status == "active":
            queries.retry_waiting_now(session, row.id)
            enqueue(session, Job.DELIVER)
        session.refresh(row)
        return _views(session, [row])[0]


def renew_secret(caller: Caller, webhook_id: int) -> tuple[WebhookView, str]:
    """Give a webhook a new secret, which alone signs from now on; raises NotFound and NotReady."""
    check_keeper(caller)
    secret = make_secret()
    with db.writing() as session:
        row = find_webhook(session, caller, webhook_id, is_for_update=True)
        queries.update_webhook(session, row.id, secret=seal(secret, PURPOSE))
        session.refresh(row)
        return _views(session, [row])[0], secret


def delete_webhook(caller: Caller, webhook_id: int) -> WebhookView:
    """Delete a webhook with the log of its deliveries and return it; raises NotFound."""
    view = get_webhook(caller, webhook_id)
    db.in_batches(
        lambda session, size: queries.delete_deliveries(session, view.id, limit=size),
        size=DELETED_AT_ONCE,
    )
    with db.writing() as session:
        queries.delete_webhook(session, view.id)
    return view


def check_keeper(caller: Caller) -> None:
    """Return if a caller may set up webhooks and read their log; raises Forbidden."""
    caller.require(Scope.ADMIN)
    caller.require_whole_workspace()


def find_webhook(
    session: Session, caller: Caller, webhook_id: int, *, is_for_update: bool = False
) -> Webhook:
    """Return the row of a webhook in the caller's transaction; raises NotFound."""
    row = queries.find_webhook(
        session,
        workspace_id=caller.workspace_id,
        webhook_id=webhook_id,
        is_for_update=is_for_update,
    )
    if row is None:
        raise NotFound("webhook", webhook_id)
    return row


def _bounds(
    session: Session,
    caller: Caller,
    collections: Sequence[str] | None,
    catalogs: Sequence[str] | None,
) -> dict[str, list[int] | None]:
    """Return the ids of what a webhook is bound to; raises InvalidInput for an unknown slug."""
    check_count(collections, "collections")
    check_count(catalogs, "catalogs")
    found = queries.ids_of(
        session,
        workspace_id=caller.workspace_id,
        collections=collections or (),
        catalogs=catalogs or (),
    )
    bounds: dict[str, list[int] | None] = {}
    asked = (
        ("collections", "collection_ids", collections, found.collections),
        ("catalogs", "catalog_ids", catalogs, found.catalogs),
    )
    for field, column, slugs, known in asked:
        for place, slug in enumerate(slugs or ()):
            if slug not in known.values():
                raise InvalidInput(f"there is no {slug!r}", f"{field}.{place}")
        bounds[column] = None if slugs is None else sorted(known)
    return bounds


def _views(session: Session, rows: Sequence[Webhook]) -> list[WebhookView]:
    names = queries.names_of(session, rows)
    waiting = queries.count_waiting(session, [row.id for row in rows])
    return [webhook_view(row, names, waiting.get(row.id, 0)) for row in rows]
