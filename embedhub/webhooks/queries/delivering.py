"""The SQL of deliveries: an event is kept, leased, sent, and what came of it written."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    and_,
    any_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import Catalog, Collection, Webhook, WebhookDelivery
from embedhub.webhooks.events import Event


def find_owner(session: Session, *, workspace_id: int, is_catalog: bool, slug: str) -> int | None:
    """Return the id of a collection or catalog, None if it is gone."""
    if is_catalog:
        catalogs = select(Catalog.id).where(
            Catalog.workspace_id == workspace_id,
            Catalog.slug == slug,
            Catalog.deleted_at.is_(None),
        )
        return session.scalars(catalogs).one_or_none()
    collections = select(Collection.id).where(
        Collection.workspace_id == workspace_id,
        Collection.slug == slug,
        Collection.deleted_at.is_(None),
    )
    return session.scalars(collections).one_or_none()


def insert_deliveries(
    session: Session,
    *,
    workspace_id: int,
    event: str,
    event_id: uuid.UUID,
    collection_id: int | None,
    catalog_id: int | None,
    body: dict[str, Any],
) -> int:
    """Keep an event for every webhook that is to be told of it; return for how many.

    One that fails keeps what comes until it works again; for one that is paused nothing is kept.
    """
    everything = and_(Webhook.collection_ids.is_(None), Webhook.catalog_ids.is_(None))
    named = literal(collection_id, BigInteger) == any_(Webhook.collection_ids)
    if catalog_id is not None:
        named = literal(catalog_id, BigInteger) == any_(Webhook.catalog_ids)
    told = select(
        Webhook.workspace_id,
        Webhook.id,
        literal(event),
        literal(event_id, WebhookDelivery.event_id.type),
        literal(collection_id, WebhookDelivery.collection_id.type),
        literal(catalog_id, WebhookDelivery.catalog_id.type),
        literal(body, WebhookDelivery.body.type),
    ).where(
        Webhook.workspace_id == workspace_id,
        Webhook.status != "paused",
        literal(event) == any_(Webhook.events),
        or_(everything, named),
    )
    columns = [
        "workspace_id", "webhook_id", "event", "event_id", "collection_id", "catalog_id", "body",
    ]  # fmt: skip
    statement = insert(WebhookDelivery).from_select(columns, told).returning(WebhookDelivery.id)
    return len(session.scalars(statement).all())


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that this process alone may send until its lease ends; attempts count it."""

    id: int
    webhook_id: int
    event: str
    event_id: uuid.UUID
    body: dict[str, Any]
    attempts: int
    url: str
    secret: bytes


def lease_due(
    session: Session, *, token: uuid.UUID, lease_s: float, limit: int, per_webhook: int
) -> list[Leased]:
    """Lease deliveries that are due, the longest waiting of each webhook, a few of each.

    Of a webhook that is paused or fails only what is sent by hand to see whether it arrives.
    """
    statement = text("""
        WITH due AS (
          SELECT d.id, w.url, w.secret FROM webhooks w
          CROSS JOIN LATERAL (
            SELECT id FROM webhook_deliveries
            WHERE webhook_id = w.id AND status = 'waiting' AND next_attempt_at <= now()
              AND (leased_until IS NULL OR leased_until < now())
              AND (w.status = 'active' OR event = :test)
            ORDER BY next_attempt_at LIMIT :per_webhook FOR UPDATE SKIP LOCKED) d
          LIMIT :limit)
        UPDATE webhook_deliveries d
        SET attempts = attempts + 1, attempted_at = now(), lease_token = :token,
            leased_until = now() + make_interval(secs => :lease_s)
        FROM due WHERE d.id = due.id
        RETURNING d.id, d.webhook_id, d.event, d.event_id, d.body, d.attempts, due.url, due.secret
    """)
    named = {"token": token, "lease_s": lease_s, "limit": limit, "per_webhook": per_webhook}
    rows = session.execute(statement, {**named, "test": Event.TEST.value})
    return [Leased(**row._mapping) for row in rows]


def finish_attempt(
    session: Session, leased: Leased, *, token: uuid.UUID, values: dict[str, Any]
) -> bool:
    """Write what came of an attempt; False if the delivery is gone or another process's by now."""
    statement = (
        update(WebhookDelivery)
        .where(WebhookDelivery.id == leased.id, WebhookDelivery.lease_token == token)
        .values(lease_token=None, leased_until=None, **values)
        .returning(WebhookDelivery.id)
    )
    return session.scalars(statement).one_or_none() is not None


def note_good_answer(session: Session, webhook_id: int) -> None:
    """Take note that a webhook works: it is sent what waits, unless people paused it."""
    session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, or_(Webhook.n_failures > 0, Webhook.status == "failing"))
        .values(
            n_failures=0,
            status=case((Webhook.status == "failing", "active"), else_=Webhook.status),
            reason=case((Webhook.status == "failing", None), else_=Webhook.reason),
        )
    )


def note_failure(
    session: Session, webhook_id: int, *, most: int, reason: str, is_gone: bool
) -> bool:
    """Count a failed attempt of a webhook; return whether it is no longer tried from now on."""
    statement = (
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(n_failures=Webhook.n_failures + 1)
        .returning(Webhook.n_failures, Webhook.status)
    )
    row = session.execute(statement).one_or_none()
    if row is None or row.status != "active" or not (is_gone or row.n_failures >= most):
        return False
    session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(status="failing", reason=reason, changed_at=func.now())
    )
    return True


def has_due(session: Session) -> bool:
    """Say whether a delivery waits to be sent that nobody sends."""
    statement = text("""
        SELECT EXISTS (SELECT FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id
        WHERE d.status = 'waiting' AND d.next_attempt_at <= now()
          AND (d.leased_until IS NULL OR d.leased_until < now())
          AND (w.status = 'active' OR d.event = :test))
    """)
    return bool(session.execute(statement, {"test": Event.TEST.value}).scalar_one())


def delete_old(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete deliveries made longer ago than this, whatever came of them; return how many."""
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.created_at < func.now() - older_than)
        .order_by(WebhookDelivery.created_at)
        .limit(limit)
    )
    statement = (
        delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)).returning(WebhookDelivery.id)
    )
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())
