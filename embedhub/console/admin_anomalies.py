"""Pages of anomalies: profiles, the rows that were flagged, and the queue to decide about them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import anomalies


@admin.register(models.AnomalyProfile)
class AnomalyProfileAdmin(ReadOnlyAdmin):
    list_display = ("shown_owner", "level", "n_rows", "workspace_link", "fitted_at_ago")
    list_select_related = ("workspace", "collection", "catalog")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), ("catalog", ByRelated))
    ordering = ("-id",)
    fields = (
        ("shown_owner", "level"),
        "workspace",
        ("n_rows", "generation"),
        "setting",
        ("created_at", "fitted_at"),
        "run",
    )
    empty_title = "Nothing was scanned for anomalies yet"
    empty_words = (
        "A scan learns what is usual among the rows of a collection or catalog:"
        " POST /v1/collections/{slug}/anomalies/scan, or start it on the page Anomalies."
    )

    @admin.display(description="of")
    def shown_owner(self, row: Any) -> str:
        return (row.collection or row.catalog).slug


@admin.register(models.AnomalyFlag)
class AnomalyFlagAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_reason",
        "shown_row",
        "shown_status",
        "shown_percentile",
        "workspace_link",
        "flagged_at_ago",
    )
    list_select_related = ("workspace", "document", "item")
    list_filter = (("workspace", ByRelated),)
    ordering = ("-id",)
    fields = (
        ("shown_row", "shown_status"),
        ("shown_percentile", "score"),
        "shown_reasons",
        "rare_words",
        ("workspace", "flagged_at"),
    )
    empty_title = "Nothing stands out yet"
    empty_words = "Rows that are unlike the rest are flagged by a scan, and as they come after one."
    empty_link = ("admin:console_anomalies", "Anomalies", "view_anomalyflag")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("queue/", view(self._queue), name="console_anomalies"),
            path("queue/decide/", view(anomalies.decide), name="console_anomalies_decide"),
            path("queue/setting/", view(self._setting), name="console_anomalies_setting"),
            path("queue/start/", view(anomalies.start), name="console_anomalies_start"),
            *super().get_urls(),
        ]

    def _queue(self, request: HttpRequest) -> HttpResponse:
        return anomalies.anomalies_page(request, self)

    def _setting(self, request: HttpRequest) -> HttpResponse:
        return anomalies.change_setting(request, self)

    @admin.display(description="why")
    def shown_reason(self, row: Any) -> str:
        return row.reasons[0]["words"] if row.reasons else markup.EMPTY

    @admin.display(description="row")
    def shown_row(self, row: Any) -> str:
        found = row.document or row.item
        return markup.EMPTY if found is None else found.external_id

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.FINDING_STATUS_WORDS[row.status])

    @admin.display(description="odder than")
    def shown_percentile(self, row: Any) -> str:
        return f"{100 * (1 - row.share):.2f} % of the rows"

    @admin.display(description="reasons")
    def shown_reasons(self, row: Any) -> object:
        return markup.json_table({one["signal"]: one["words"] for one in row.reasons})
