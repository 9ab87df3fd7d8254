"""The log of what webhooks were sent: reading it, and sending by hand."""

import uuid
from datetime import UTC, datetime

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.jobs import Job, enqueue
from embedhub.webhooks.events import Event, body_of
from embedhub.webhooks.queries import webhooks as queries
from embedhub.webhooks.service import check_keeper, find_webhook
from embedhub.webhooks.view import DeliveryView, delivery_view

STATUSES = ("waiting", "delivered", "failed")


def send_test(caller: Caller, webhook_id: int) -> DeliveryView:
    """Have a webhook sent an event that means nothing, whatever its status; raises NotFound.

    It is tried once. If it arrives, a webhook that was failing is active again.
    """
    check_keeper(caller)
    event_id = uuid.uuid4()
    data = {"message": "This is a test of the webhook. Nothing was found."}
    with db.writing() as session:
        row = find_webhook(session, caller, webhook_id)
        body = body_of(Event.TEST, event_id, datetime.now(UTC), data=data)
        delivery = queries.insert_delivery(
            session, row, event=Event.TEST.value, event_id=event_id, body=body
        )
        enqueue(session, Job.DELIVER)
        return delivery_view(delivery)


def list_deliveries(
    caller: Caller,
    webhook_id: int,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[DeliveryView]:
    """Return what a webhook was sent or waits for, latest first, from behind `before` on."""
    check_keeper(caller)
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"must be one of {', '.join(STATUSES)}", "status")
    with db.reading() as session:
        row = find_webhook(session, caller, webhook_id)
        rows = queries.list_deliveries(
            session, webhook_id=row.id, status=status, before=before, limit=limit
        )
        return [delivery_view(each) for each in rows]


def get_delivery(caller: Caller, webhook_id: int, delivery_id: int) -> DeliveryView:
    """Return one delivery; raises NotFound."""
    check_keeper(caller)
    with db.reading() as session:
        row = find_webhook(session, caller, webhook_id)
        delivery = queries.find_delivery(session, webhook_id=row.id, delivery_id=delivery_id)
        if delivery is None:
            raise NotFound("delivery", delivery_id)
        return delivery_view(delivery)


def send_again(caller: Caller, webhook_id: int, delivery_id: int) -> DeliveryView:
    """Have a delivery sent again under the same id; raises NotFound, Conflict while it is sent.

    One of a webhook that is paused or failing waits until that is active.
    """
    get_delivery(caller, webhook_id, delivery_id)
    with db.writing() as session:
        if not queries.send_again(session, delivery_id):
            raise Conflict(f"delivery {delivery_id} is being sent at this moment")
        enqueue(session, Job.DELIVER)
    return get_delivery(caller, webhook_id, delivery_id)
