"""Setting up webhooks, seeing whether they work, and sending again what did not arrive."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables

from embedhub.access.caller import Caller
from embedhub.console import audit, models, words
from embedhub.console.pages.layout import (
    PickField,
    PickManyField,
    TextField,
    add_reason,
    page,
    workspace_choices,
)
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.webhooks import log, service
from embedhub.webhooks.service import SUBSCRIBED, WebhookInput, WebhookView
from embedhub.webhooks.view import DeliveryView

PERMISSION = "manage_webhook"
DETAIL = "admin:console_webhook_change"
SHOWN_DELIVERIES = 20
STEPS = ("test", "pause", "resume")


class WebhookForm(forms.Form):
    """Where a webhook leads, and what it is told of."""

    workspace = PickField()
    url = TextField(
        max_length=2_000,
        label="Address",
        help_text="Of the program that is told, such as https://example.org/hooks/embedhub.",
    )
    events = PickManyField(
        choices=[(event.value, words.EVENT_WORDS[event.value]) for event in SUBSCRIBED],
        label="It is told when",
    )
    collections = TextField(
        required=False,
        label="Only of these collections",
        help_text="Slugs, separated by commas. Without collections and catalogs it is told of all"
        " of the workspace.",
    )
    catalogs = TextField(
        required=False, label="Only of these catalogs", help_text="Slugs, separated by commas."
    )
    description = TextField(
        required=False, max_length=500, label="What it is for", help_text="For other people."
    )

    def __init__(self, *args: Any, workspace: str, is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = workspace_choices(workspace)
        self.fields["workspace"] = PickField(choices=self.choices, initial=workspace)
        if not is_new:
            # A webhook stays in its workspace.
            del self.fields["workspace"]

    def wanted(self) -> WebhookInput:
        """Return the webhook that the form describes."""
        given = self.cleaned_data
        return WebhookInput(
            url=given["url"],
            events=given["events"],
            collections=slugs_of(given["collections"]),
            catalogs=slugs_of(given["catalogs"]),
            description=given["description"].strip(),
        )


def slugs_of(text: str) -> list[str] | None:
    """Return the slugs between commas, None if there are none."""
    return [slug.strip() for slug in text.split(",") if slug.strip()] or None


def detail(row: Any) -> dict[str, Any]:
    """Return what the template of a webhook shows."""
    caller = Caller.for_workspace(row.workspace_id)
    deliveries = log.list_deliveries(caller, row.pk, limit=SHOWN_DELIVERIES)
    is_moving = row.status == "active" and any(each.status == "waiting" for each in deliveries)
    is_tested = any(
        each.event == "webhook.test" and each.status == "waiting" for each in deliveries
    )
    return {
        "view": service.get_webhook(caller, row.pk),
        "deliveries": [shown(each) for each in deliveries],
        "is_busy": is_moving or is_tested,
    }


def shown(view: DeliveryView) -> dict[str, Any]:
    """Return a delivery as a row of the webhook's page."""
    status, tone = words.DELIVERY_STATUS_WORDS[view.status]
    answer = view.error or (f"answered {view.answer_status}" if view.answer_status else "")
    return {
        "view": view,
        "event": words.EVENT_WORDS.get(view.event, view.event),
        "where": view.body.get("collection") or view.body.get("catalog") or "",
        "status": status,
        "tone": tone,
        "answer": words.first_line(answer, 120),
        "created": view.created_at,
    }


@sensitive_variables("secret")
def new_webhook(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, PERMISSION)
    asked = request.POST.get("workspace") or request.GET.get("workspace", "")
    form = WebhookForm(request.POST or None, workspace=asked)
    if request.method == "POST" and form.is_valid():
        caller = Caller.for_workspace(int(form.cleaned_data["workspace"]))
        try:
            view, secret = service.create_webhook(caller, form.wanted())
        except HubError as error:
            add_reason(form, error)
        else:
            _note(request, "set up webhook", caller.workspace_id, view)
            return shown_once(request, model_admin, view, secret, "Your new webhook")
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": "New webhook",
            "form": form,
            "submit": "Set it up",
            "lead": "It is sent ids and scores, never texts. Its secret is shown once, right after"
            " it is made: with it the receiver sees that a message comes from here.",
            "missing": None if form.choices else "workspace",
        },
    )


def edit(request: HttpRequest, model_admin: Any, webhook_id: int) -> HttpResponse:
    demand(request, PERMISSION)
    row = _row(webhook_id)
    caller = Caller.for_workspace(row.workspace_id)
    view = service.get_webhook(caller, webhook_id)
    initial = {
        "url": view.url,
        "events": view.events,
        "collections": ", ".join(view.collections or ()),
        "catalogs": ", ".join(view.catalogs or ()),
        "description": view.description,
    }
    form = WebhookForm(request.POST or None, workspace="", is_new=False, initial=initial)
    if request.method == "POST" and form.is_valid():
        wanted = form.wanted()
        changes = {name: getattr(wanted, name) for name in WebhookInput.__slots__}
        try:
            view = service.update_webhook(caller, webhook_id, changes)
        except HubError as error:
            add_reason(form, error)
        else:
            _note(request, "change webhook", row.workspace_id, view)
            messages.success(request, "It is told so from the next event on.")
            return redirect(DETAIL, webhook_id)
    return page(
        request,
        model_admin,
        "console/form.html",
        {"title": "Change a webhook", "form": form, "submit": "Save"},
    )


@sensitive_variables("secret")
def renew(request: HttpRequest, model_admin: Any, webhook_id: int) -> HttpResponse:
    demand(request, PERMISSION)
    row = _row(webhook_id)
    if request.method == "POST":
        try:
            view, secret = service.renew_secret(Caller.for_workspace(row.workspace_id), webhook_id)
        except HubError as error:
            messages.error(request, str(error))
            return redirect(DETAIL, webhook_id)
        _note(request, "renew secret of webhook", row.workspace_id, view)
        return shown_once(request, model_admin, view, secret, "The new secret")
    return page(
        request,
        model_admin,
        "console/confirm.html",
        {
            "title": "Renew the secret?",
            "question": "From now on the new secret alone signs what is sent. The receiver refuses"
            " it until it has been given the new one; what it refuses is sent again later.",
            "submit": "Make a new secret",
            "back": DETAIL,
            "back_id": webhook_id,
        },
    )


@sensitive_variables("secret")
def shown_once(
    request: HttpRequest, model_admin: Any, view: WebhookView, secret: str, title: str
) -> HttpResponse:
    # The secret goes into this answer and nowhere else: no session, no message, no cache.
    response = page(
        request,
        model_admin,
        "console/webhook_made.html",
        {"title": title, "webhook": view, "secret": secret},
    )
    response["Cache-Control"] = "no-store"
    return response


def delete(request: HttpRequest, model_admin: Any, webhook_id: int) -> HttpResponse:
    demand(request, PERMISSION)
    row = _row(webhook_id)
    if request.method == "POST":
        view = service.delete_webhook(Caller.for_workspace(row.workspace_id), webhook_id)
        _note(request, "delete webhook", row.workspace_id, view)
        messages.success(request, "The webhook is gone.")
        return redirect("admin:console_webhook_changelist")
    return page(
        request,
        model_admin,
        "console/confirm.html",
        {
            "title": "Delete this webhook?",
            "question": f"{row.url} is told nothing any more, and the log of what it was sent goes"
            " with it. To stop it for a while, pause it instead.",
            "submit": "Delete it",
            "back": DETAIL,
            "back_id": webhook_id,
        },
    )


def step(request: HttpRequest, webhook_id: int, name: str) -> HttpResponse:
    """Send a test, pause or resume a webhook, and say what that does."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if name not in STEPS:
        raise Http404
    row = _row(webhook_id)
    caller = Caller.for_workspace(row.workspace_id)
    if name == "test":
        log.send_test(caller, webhook_id)
        _note(request, "test webhook", row.workspace_id, service.get_webhook(caller, webhook_id))
        messages.success(request, "A test is on its way: below it is seen what comes back.")
        return redirect(DETAIL, webhook_id)
    status = "paused" if name == "pause" else "active"
    view = service.update_webhook(caller, webhook_id, {"status": status})
    _note(request, f"{name} webhook", row.workspace_id, view)
    told = "It is told nothing until you resume it, and nothing is kept for it meanwhile."
    if name == "resume":
        told = "It is told again, beginning with what waits for it."
    messages.success(request, told)
    return redirect(DETAIL, webhook_id)


def send_again(request: HttpRequest, delivery_id: int) -> HttpResponse:
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row: Any = models.WebhookDelivery.objects.filter(pk=delivery_id).first()
    if row is None:
        raise Http404
    caller = Caller.for_workspace(row.workspace_id)
    try:
        log.send_again(caller, row.webhook_id, delivery_id)
    except HubError as error:
        messages.error(request, str(error))
    else:
        view = service.get_webhook(caller, row.webhook_id)
        _note(request, "send delivery again", row.workspace_id, view, delivery=delivery_id)
        is_sent = view.status == "active"
        told = "It is being sent again." if is_sent else "It is sent once the webhook is active."
        messages.success(request, told)
    return redirect(DETAIL, row.webhook_id)


def _row(webhook_id: int) -> Any:
    row: Any = models.Webhook.objects.filter(pk=webhook_id).first()
    if row is None:
        raise Http404
    return row


def _note(
    request: HttpRequest, action: str, workspace_id: int, view: WebhookView, **details: object
) -> None:
    audit.record(
        request,
        action,
        subject="webhook",
        subject_id=view.id,
        workspace_id=workspace_id,
        details={"address": view.url, **details},
    )
