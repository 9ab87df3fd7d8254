"""Webhooks and their deliveries as callers see them, and what they may ask."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub.tables import Webhook, WebhookDelivery
from embedhub.webhooks.queries.webhooks import Names


@dataclass(frozen=True, slots=True)
class WebhookInput:
    """A webhook as asked for; without collections and catalogs it is told of the whole workspace.

    With collections alone it is told of no catalog, and the other way round.
    """

    url: str
    events: Sequence[str]
    collections: Sequence[str] | None = None
    catalogs: Sequence[str] | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook without its secret.

    `status`: active; paused by people, then nothing is kept for it; failing, then what comes waits
    until a test arrives or somebody sets it active. `n_failures` counts attempts in a row.
    """

    id: int
    url: str
    description: str
    events: tuple[str, ...]
    collections: tuple[str, ...] | None
    catalogs: tuple[str, ...] | None
    status: str
    reason: str | None
    n_failures: int
    n_waiting: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One event for one webhook and what came of the last attempt."""

    id: int
    event_id: uuid.UUID
    event: str
    status: str
    attempts: int
    next_attempt_at: datetime | None
    answer_status: int | None
    answer: str | None
    error: str | None
    took_ms: int | None
    attempted_at: datetime | None
    created_at: datetime
    body: dict[str, Any]


def webhook_view(row: Webhook, names: Names, n_waiting: int) -> WebhookView:
    """Return a webhook as callers see it; what it is bound to and is gone is left out."""
    return WebhookView(
        id=row.id,
        url=row.url,
        description=row.description,
        events=tuple(row.events),
        collections=_slugs(row.collection_ids, names.collections),
        catalogs=_slugs(row.catalog_ids, names.catalogs),
        status=row.status,
        reason=row.reason,
        n_failures=row.n_failures,
        n_waiting=n_waiting,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def delivery_view(row: WebhookDelivery) -> DeliveryView:
    """Return a delivery as callers see it."""
    return DeliveryView(
        id=row.id,
        event_id=row.event_id,
        event=row.event,
        status=row.status,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if row.status == "waiting" else None,
        answer_status=row.answer_status,
        answer=row.answer,
        error=row.error,
        took_ms=row.took_ms,
        attempted_at=row.attempted_at,
        created_at=row.created_at,
        body=row.body,
    )


def _slugs(ids: Sequence[int] | None, names: dict[int, str]) -> tuple[str, ...] | None:
    return None if ids is None else tuple(sorted(names[each] for each in ids if each in names))
