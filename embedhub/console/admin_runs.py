"""Pages of runs and of the search log."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import DropdownFilter

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated, Since
from embedhub.console.pages import runs

Rows = Any


class RunStatusFilter(DropdownFilter):
    """Runs by how they stand."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(words.STATUS_WORDS.items())

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(models.Run)
class RunAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = (
        "shown_kind",
        "subject",
        "workspace_link",
        "shown_status",
        "shown_progress",
        "shown_reason",
        "created_at_ago",
    )
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated), RunStatusFilter, Since)
    search_fields = ("kind", "subject")
    search_help_text = "What it does, or on what"
    ordering = ("-id",)
    fields = (
        "shown_kind",
        "subject",
        "workspace",
        "arguments",
        "forecast",
        "result",
        "created_at",
        "started_at",
        "heartbeat_at",
        "finished_at",
    )
    change_form_template = "console/run.html"
    empty_title = "No run yet"
    empty_words = (
        "Long jobs appear here with their progress: deleting a collection, building an index."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self._cancel)
        return [path("<int:run_id>/cancel/", view, name="console_run_cancel"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        context = {**(extra_context or {}), "state": runs.progress_of(row) if row else ""}
        context["status"] = runs.status_of(row) if row else ""
        context["can_cancel"] = bool(row) and runs.may_be_cancelled(row)
        return super().change_view(request, object_id, form_url, context)

    def _cancel(self, request: HttpRequest, run_id: int) -> HttpResponse:
        return runs.cancel(request, self, run_id)

    @admin.display(description="run", ordering="kind")
    def shown_kind(self, row: Any) -> str:
        return row.kind.replace("_", " ")

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Any) -> object:
        return runs.status_of(row)

    @admin.display(description="progress")
    def shown_progress(self, row: Any) -> object:
        return runs.progress_of(row)

    @admin.display(description="reason")
    def shown_reason(self, row: Any) -> str:
        return words.first_line(row.error or "") or markup.EMPTY


@admin.register(models.SearchLogEntry)
class SearchLogAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_query",
        "workspace_link",
        "mode",
        "plan",
        "shown_complete",
        "n_hits",
        "shown_took",
        "created_at_ago",
    )
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated), Since)
    search_fields = ("query",)
    search_help_text = "Words of the query"
    ordering = ("-created_at", "request_id")
    fields = (
        "query",
        "workspace",
        "shown_collections",
        "api_key",
        "mode",
        "plan",
        "is_complete",
        "n_hits",
        "shown_took",
        "created_at",
        "request_id",
    )
    empty_title = "No search was logged"
    empty_words = "Searches are kept here for a few weeks (EMBEDHUB_SEARCH_LOG_DAYS; 0 logs none)."

    @admin.display(description="query", ordering="query")
    def shown_query(self, row: Any) -> str:
        return words.first_line(row.query or "", 80) or "(a vector)"

    @admin.display(description="list")
    def shown_complete(self, row: Any) -> object:
        if row.is_complete:
            return markup.label("complete", "good")
        return markup.label("maybe incomplete", "warn")

    @admin.display(description="took", ordering="took_ms")
    def shown_took(self, row: Any) -> str:
        return f"{row.took_ms:.1f} ms"

    @admin.display(description="collections")
    def shown_collections(self, row: Any) -> object:
        found = models.Collection.objects.filter(pk__in=row.collection_ids)
        slugs = list(found.order_by("slug").values_list("slug", flat=True))
        return markup.chips(slugs, everything="", nothing="deleted since")
