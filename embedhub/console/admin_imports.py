"""Pages of imports: how far each stream into a collection or a catalog has come."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from unfold.contrib.filters.admin import DropdownFilter

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated

Rows = Any


class ImportStatusFilter(DropdownFilter):
    """Imports by how they stand."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(words.IMPORT_STATUS_WORDS.items())

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(models.Import)
class ImportAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = (
        "id",
        "shown_target",
        "kind",
        "workspace_link",
        "shown_status",
        "shown_lines",
        "shown_refused",
        "shown_reason",
        "updated_at_ago",
    )
    list_select_related = ("workspace", "collection", "catalog")
    list_filter = (
        ("workspace", ByRelated),
        ("collection", ByRelated),
        ("catalog", ByRelated),
        ImportStatusFilter,
    )
    ordering = ("-id",)
    fields = (
        ("shown_target", "kind", "workspace"),
        "shown_status",
        ("shown_lines", "n_bytes"),
        ("n_created", "n_updated", "n_unchanged", "n_stale", "n_held"),
        "shown_refused",
        "error",
        "created_at",
        "updated_at",
        "finished_at",
    )
    empty_title = "No import yet"
    empty_words = (
        "Documents sent as lines (POST .../documents/import, or embedhub ingest FILE.ndjson), and"
        " items, users and interactions (embedhub catalog import), appear here with how far they"
        " are."
    )

    @admin.display(description="into")
    def shown_target(self, row: Any) -> object:
        kind = "collection" if row.catalog is None else "catalog"
        found = getattr(row, kind)
        return markup.link(reverse(f"admin:console_{kind}_change", args=[found.pk]), found.slug)

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Any) -> object:
        tone = words.IMPORT_STATUS_TONES[row.status]
        return markup.label(words.IMPORT_STATUS_WORDS[row.status], tone)

    @admin.display(description="lines stored", ordering="n_lines")
    def shown_lines(self, row: Any) -> str:
        return f"{row.n_lines:,}"

    @admin.display(description="lines refused", ordering="n_errors")
    def shown_refused(self, row: Any) -> object:
        return markup.label(f"{row.n_errors:,}", "warn") if row.n_errors else markup.EMPTY

    @admin.display(description="reason")
    def shown_reason(self, row: Any) -> str:
        return words.first_line(row.error or "") or markup.EMPTY
