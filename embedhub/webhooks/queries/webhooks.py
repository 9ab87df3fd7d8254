"""The SQL of webhooks as people set them up, and of the log of what they were sent."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from embedhub.tables import Catalog, Collection, Webhook, WebhookDelivery


@dataclass(frozen=True, slots=True)
class Names:
    """The slugs of collections and of catalogs by their ids."""

    collections: dict[int, str]
    catalogs: dict[int, str]


def count_webhooks(session: Session, *, workspace_id: int) -> int:
    """Return how many webhooks a workspace has."""
    statement = select(func.count()).where(Webhook.workspace_id == workspace_id)
    return session.scalars(statement).one()


def insert_webhook(session: Session, **columns: Any) -> Webhook:
    """Make a webhook."""
    return session.scalars(insert(Webhook).values(**columns).returning(Webhook)).one()


def find_webhook(
    session: Session, *, workspace_id: int, webhook_id: int, is_for_update: bool = False
) -> Webhook | None:
    """Return a workspace's webhook, if it is there."""
    statement = select(Webhook).where(
        Webhook.workspace_id == workspace_id, Webhook.id == webhook_id
    )
    return session.scalars(
        statement.with_for_update() if is_for_update else statement
    ).one_or_none()


def list_webhooks(
    session: Session, *, workspace_id: int, after: int, limit: int
) -> Sequence[Webhook]:
    """Return a workspace's webhooks by id, from the one behind `after` on."""
    return session.scalars(
        select(Webhook)
        .where(Webhook.workspace_id == workspace_id, Webhook.id > after)
        .order_by(Webhook.id)
        .limit(limit)
    ).all()


def update_webhook(session: Session, webhook_id: int, **columns: Any) -> None:
    """Change columns of a webhook."""
    session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(changed_at=func.now(), **columns)
        .execution_options(synchronize_session="fetch")
    )


def delete_deliveries(session: Session, webhook_id: int, *, limit: int) -> int:
    """Delete some deliveries of a webhook; return how many."""
    some = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == webhook_id).limit(limit)
    statement = (
        delete(WebhookDelivery).where(WebhookDelivery.id.in_(some)).returning(WebhookDelivery.id)
    )
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())


def delete_webhook(session: Session, webhook_id: int) -> None:
    """Delete a webhook with what is left of its log."""
    session.execute(delete(Webhook).where(Webhook.id == webhook_id))


def retry_waiting_now(session: Session, webhook_id: int) -> None:
    """Make everything that waits for a webhook due now."""
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.status == "waiting")
        .values(next_attempt_at=func.now())
    )


def ids_of(
    session: Session, *, workspace_id: int, collections: Sequence[str], catalogs: Sequence[str]
) -> Names:
    """Return which of these slugs there are, by their ids."""
    found = session.execute(
        select(Collection.id, Collection.slug).where(
            Collection.workspace_id == workspace_id,
            Collection.slug.in_(collections),
            Collection.deleted_at.is_(None),
        )
    )
    others = session.execute(
        select(Catalog.id, Catalog.slug).where(
            Catalog.workspace_id == workspace_id,
            Catalog.slug.in_(catalogs),
            Catalog.deleted_at.is_(None),
        )
    )
    return Names({row.id: row.slug for row in found}, {row.id: row.slug for row in others})


def names_of(session: Session, webhooks: Sequence[Webhook]) -> Names:
    """Return the slugs of what webhooks are bound to, as far as it is there."""
    collection_ids = {each for row in webhooks for each in row.collection_ids or ()}
    catalog_ids = {each for row in webhooks for each in row.catalog_ids or ()}
    collections, catalogs = {}, {}
    if collection_ids:
        found = select(Collection.id, Collection.slug).where(
            Collection.id.in_(collection_ids), Collection.deleted_at.is_(None)
        )
        collections = {row.id: row.slug for row in session.execute(found)}
    if catalog_ids:
        others = select(Catalog.id, Catalog.slug).where(
            Catalog.id.in_(catalog_ids), Catalog.deleted_at.is_(None)
        )
        catalogs = {row.id: row.slug for row in session.execute(others)}
    return Names(collections, catalogs)


def count_waiting(session: Session, webhook_ids: Sequence[int]) -> dict[int, int]:
    """Return how many deliveries wait, by webhook."""
    statement = (
        select(WebhookDelivery.webhook_id, func.count())
        .where(WebhookDelivery.webhook_id.in_(webhook_ids), WebhookDelivery.status == "waiting")
        .group_by(WebhookDelivery.webhook_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def insert_delivery(
    session: Session, webhook: Webhook, *, event: str, event_id: uuid.UUID, body: dict[str, Any]
) -> WebhookDelivery:
    """Keep an event for one webhook alone."""
    statement = (
        insert(WebhookDelivery)
        .values(
            workspace_id=webhook.workspace_id,
            webhook_id=webhook.id,
            event=event,
            event_id=event_id,
            body=body,
        )
        .returning(WebhookDelivery)
    )
    return session.scalars(statement).one()


def find_delivery(session: Session, *, webhook_id: int, delivery_id: int) -> WebhookDelivery | None:
    """Return a delivery of a webhook, if it is there."""
    return session.scalars(
        select(WebhookDelivery).where(
            WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.id == delivery_id
        )
    ).one_or_none()


def list_deliveries(
    session: Session, *, webhook_id: int, status: str | None, before: int | None, limit: int
) -> Sequence[WebhookDelivery]:
    """Return deliveries of a webhook, the latest first, from the one behind `before` on."""
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if status is not None:
        statement = statement.where(WebhookDelivery.status == status)
    if before is not None:
        statement = statement.where(WebhookDelivery.id < before)
    return session.scalars(statement.order_by(WebhookDelivery.id.desc()).limit(limit)).all()


def send_again(session: Session, delivery_id: int) -> bool:
    """Make a delivery due with all its attempts before it; False while it is being sent."""
    statement = (
        update(WebhookDelivery)
        .where(
            WebhookDelivery.id == delivery_id,
            or_(WebhookDelivery.leased_until.is_(None), WebhookDelivery.leased_until < func.now()),
        )
        .values(status="waiting", attempts=0, next_attempt_at=func.now())
        .returning(WebhookDelivery.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(statement).one_or_none() is not None
