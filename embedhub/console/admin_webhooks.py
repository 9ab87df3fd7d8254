"""Pages of webhooks, and of the log of what they were sent."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated, Since
from embedhub.console.pages import webhooks
from embedhub.console.permissions import may

Rows = Any


@admin.register(models.Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_url",
        "workspace_link",
        "shown_events",
        "shown_bounds",
        "shown_status",
        "changed_at_ago",
    )
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated),)
    search_fields = ("url__startswith",)
    search_help_text = "How the address begins"
    ordering = ("-id",)
    fields = (
        "url",
        ("workspace", "description"),
        ("shown_events", "shown_bounds"),
        ("shown_status", "n_failures"),
        ("created_at", "changed_at"),
    )
    actions_list = ("new_webhook",)
    change_form_template = "console/webhook.html"
    empty_title = "No webhook yet"
    empty_words = (
        "A webhook tells another program at once when duplicates are found, rows are flagged, or"
        " topics and labels are new. What is sent is signed, and repeated until it arrives."
    )
    empty_link = ("admin:console_webhook_new_webhook", "New webhook", "manage_webhook")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:webhook_id>/edit/", view(self._edit), name="console_webhook_edit"),
            path("<int:webhook_id>/secret/", view(self._secret), name="console_webhook_secret"),
            path("<int:webhook_id>/delete-it/", view(self._delete), name="console_webhook_remove"),
            path("<int:webhook_id>/<str:name>/now/", view(self._step), name="console_webhook_step"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(webhooks.detail(row) if row else {})}
        return super().change_view(request, object_id, form_url, context)

    @action(description="New webhook", url_path="new", icon="add", permissions=["manage"])
    def new_webhook(self, request: HttpRequest) -> HttpResponse:
        return webhooks.new_webhook(request, self)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return may(request, "manage_webhook")

    def _edit(self, request: HttpRequest, webhook_id: int) -> HttpResponse:
        return webhooks.edit(request, self, webhook_id)

    def _secret(self, request: HttpRequest, webhook_id: int) -> HttpResponse:
        return webhooks.renew(request, self, webhook_id)

    def _delete(self, request: HttpRequest, webhook_id: int) -> HttpResponse:
        return webhooks.delete(request, self, webhook_id)

    def _step(self, request: HttpRequest, webhook_id: int, name: str) -> HttpResponse:
        return webhooks.step(request, webhook_id, name)

    @admin.display(description="address", ordering="url")
    def shown_url(self, row: Any) -> str:
        return words.first_line(row.url, 80)

    @admin.display(description="is told of")
    def shown_events(self, row: Any) -> object:
        names = [words.EVENT_WORDS[event] for event in row.events]
        return markup.chips(names, everything="", nothing="nothing")

    @admin.display(description="in")
    def shown_bounds(self, row: Any) -> object:
        if row.collection_ids is None and row.catalog_ids is None:
            return "all of the workspace"
        collections = models.Collection.objects.filter(pk__in=row.collection_ids or ())
        catalogs = models.Catalog.objects.filter(pk__in=row.catalog_ids or ())
        slugs = [each.slug for found in (collections, catalogs) for each in found.order_by("slug")]
        return markup.chips(slugs, everything="", nothing="what is gone")

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Any) -> object:
        label = markup.label(*words.WEBHOOK_STATUS_WORDS[row.status])
        return markup.stacked(label, words.first_line(row.reason, 160)) if row.reason else label


class DeliveryStatusFilter(DropdownFilter):
    """Deliveries by how they stand."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, text) for name, (text, _) in words.DELIVERY_STATUS_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(models.WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_event",
        "webhook_link",
        "workspace_link",
        "shown_status",
        "attempts",
        "shown_answer",
        "created_at_ago",
    )
    list_select_related = ("workspace", "webhook")
    list_filter = (("workspace", ByRelated), ("webhook", ByRelated), DeliveryStatusFilter, Since)
    ordering = ("-id",)
    fields = (
        ("shown_event", "event_id"),
        ("webhook", "workspace"),
        ("shown_status", "attempts"),
        ("shown_answer", "took_ms"),
        "answer",
        ("created_at", "attempted_at", "next_attempt_at"),
        "body",
    )
    change_form_template = "console/delivery.html"
    empty_title = "Nothing was sent yet"
    empty_words = "What webhooks are sent is kept here for some weeks, with what came back."

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self._again)
        own = path("<int:delivery_id>/again/", view, name="console_delivery_again")
        return [own, *super().get_urls()]

    def _again(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        return webhooks.send_again(request, delivery_id)

    @admin.display(description="event", ordering="event")
    def shown_event(self, row: Any) -> str:
        return words.EVENT_WORDS.get(row.event, row.event)

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.DELIVERY_STATUS_WORDS[row.status])

    @admin.display(description="last answer")
    def shown_answer(self, row: Any) -> str:
        if row.error:
            return words.first_line(row.error, 160)
        return markup.EMPTY if row.answer_status is None else f"answered {row.answer_status}"
