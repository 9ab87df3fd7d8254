"""The REST of webhooks: for keys of scope admin that are not bound themselves."""

from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.access.views import without_secret
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond
from embedhub.webhooks import log, service
from embedhub.webhooks.schemas import (
    DeliveryOut,
    DeliveryPage,
    NewWebhookOut,
    WebhookIn,
    WebhookOut,
    WebhookPage,
    WebhookPatch,
)
from embedhub.webhooks.service import WebhookInput

router = Router(tags=["webhooks"])
WEBHOOK = "/webhooks/{int:webhook_id}"
DELIVERIES = WEBHOOK + "/deliveries"
DELIVERY = DELIVERIES + "/{int:delivery_id}"


@router.post("/webhooks", response={201: NewWebhookOut}, summary="Make a webhook")
@idempotent(kept_body=without_secret)
def create_webhook(request: HttpRequest, body: WebhookIn) -> HttpResponse:
    """Have an address told of findings.

    The secret that deliveries are signed with is in this answer and nowhere else.
    """
    wanted = WebhookInput(**body.model_dump())
    webhook, secret = service.create_webhook(caller_of(request, Scope.ADMIN), wanted)
    return respond({"webhook": webhook, "secret": secret}, status=201)


@router.get("/webhooks", response=WebhookPage, summary="List webhooks")
def list_webhooks(
    request: HttpRequest, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """The workspace's webhooks, oldest first."""
    size = page_limit(limit)
    after = decode_cursor("webhooks", cursor) or 0
    rows = service.list_webhooks(caller_of(request, Scope.ADMIN), after=after, limit=size + 1)
    return respond(page("webhooks", rows, size, lambda row: row.id))


@router.get(WEBHOOK, response=WebhookOut, summary="Get a webhook")
def get_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """One webhook."""
    return respond(service.get_webhook(caller_of(request, Scope.ADMIN), webhook_id))


@router.patch(WEBHOOK, response=WebhookOut, summary="Change a webhook")
def update_webhook(request: HttpRequest, webhook_id: int, body: WebhookPatch) -> HttpResponse:
    """Change what is named; `"status": "paused"` has it told nothing, `"active"` lets it go on."""
    changes = body.model_dump(exclude_unset=True)
    return respond(service.update_webhook(caller_of(request, Scope.ADMIN), webhook_id, changes))


@router.delete(WEBHOOK, response=WebhookOut, summary="Delete a webhook")
def delete_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Delete a webhook with the log of its deliveries."""
    return respond(service.delete_webhook(caller_of(request, Scope.ADMIN), webhook_id))


@router.post(WEBHOOK + "/secret", response=NewWebhookOut, summary="Renew a webhook's secret")
@idempotent(kept_body=without_secret)
def renew_webhook_secret(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Give it a new secret, shown in this answer alone; the old one signs nothing any more."""
    webhook, secret = service.renew_secret(caller_of(request, Scope.ADMIN), webhook_id)
    return respond({"webhook": webhook, "secret": secret})


@router.post(WEBHOOK + "/test", response={202: DeliveryOut}, summary="Send a test")
@idempotent()
def test_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Have it sent an event `webhook.test`, once; the delivery says whether it arrived."""
    delivery = log.send_test(caller_of(request, Scope.ADMIN), webhook_id)
    return respond(delivery, status=202)


@router.get(DELIVERIES, response=DeliveryPage, summary="List deliveries")
def list_webhook_deliveries(
    request: HttpRequest,
    webhook_id: int,
    *,
    status: Literal["waiting", "delivered", "failed"] | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """What a webhook was sent or waits for, the latest first."""
    size = page_limit(limit)
    rows = log.list_deliveries(
        caller_of(request, Scope.ADMIN),
        webhook_id,
        status=status,
        before=decode_cursor("deliveries", cursor),
        limit=size + 1,
    )
    return respond(page("deliveries", rows, size, lambda row: row.id))


@router.get(DELIVERY, response=DeliveryOut, summary="Get a delivery")
def get_webhook_delivery(request: HttpRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    """One delivery."""
    caller = caller_of(request, Scope.ADMIN)
    return respond(log.get_delivery(caller, webhook_id, delivery_id))


@router.post(DELIVERY + "/resend", response={202: DeliveryOut}, summary="Send a delivery again")
@idempotent()
def resend_webhook_delivery(
    request: HttpRequest, webhook_id: int, delivery_id: int
) -> HttpResponse:
    """Have it sent again under the same id, whatever became of it."""
    caller = caller_of(request, Scope.ADMIN)
    return respond(log.send_again(caller, webhook_id, delivery_id), status=202)
