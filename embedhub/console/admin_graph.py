"""Pages of neighbor graphs: how many rows each holds, and how true its lists are."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import analysis


@admin.register(models.Graph)
class GraphAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_owner",
        "level",
        "shown_status",
        "n_nodes",
        "shown_recall",
        "workspace_link",
        "built_at_ago",
    )
    list_select_related = ("workspace", "collection", "catalog")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), ("catalog", ByRelated))
    ordering = ("-id",)
    fields = (
        ("shown_owner", "level", "shown_status"),
        "workspace",
        ("n_nodes", "k", "method"),
        ("shown_recall", "recall_sample", "saturation_threshold"),
        ("created_at", "built_at"),
        ("followed_at", "follow_s", "stale_since"),
        "run",
    )
    empty_title = "No neighbor graph yet"
    empty_words = (
        "A graph keeps the nearest neighbors of every document, passage or item. The first analysis"
        " builds it; new rows are added by themselves."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("analysis/", view(self._analysis), name="console_analysis"),
            path("analysis/<str:name>/start/", view(self._start), name="console_analysis_start"),
            *super().get_urls(),
        ]

    def _analysis(self, request: HttpRequest) -> HttpResponse:
        return analysis.analysis_page(request, self)

    def _start(self, request: HttpRequest, name: str) -> HttpResponse:
        return analysis.start(request, name)

    @admin.display(description="of")
    def shown_owner(self, row: Any) -> str:
        return (row.collection or row.catalog).slug

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.GRAPH_STATUS_WORDS[row.status])

    @admin.display(description="true neighbors kept")
    def shown_recall(self, row: Any) -> str:
        return markup.EMPTY if row.recall is None else f"{100 * row.recall:.1f} %"
