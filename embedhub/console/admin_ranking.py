"""Pages of what people decided about single documents: pinned to the top, or hidden."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import curations
from embedhub.console.permissions import may

Rows = Any


class CurationState(DropdownFilter):
    """What holds now, by what it does, or what was taken back."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("pin", "Pinned"), ("hide", "Hidden"), ("removed", "Taken back")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() == "removed":
            return queryset.filter(removed_at__isnull=False)
        if self.value() in {"pin", "hide"}:
            return queryset.filter(action=self.value(), removed_at__isnull=True)
        return queryset


@admin.register(models.Curation)
class CurationAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = (
        "shown_document",
        "shown_state",
        "shown_query",
        "collection_link",
        "workspace_link",
        "created_by",
        "created_at_ago",
    )
    list_select_related = ("workspace", "collection")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), CurationState)
    search_fields = ("external_id__startswith", "query__startswith")
    search_help_text = "Beginning of the document's external id or of the query"
    ordering = ("-id",)
    fields = (
        "external_id",
        ("collection", "workspace"),
        "shown_state",
        "shown_query",
        "note",
        ("created_by", "created_at"),
        ("removed_by", "removed_at"),
    )
    actions_list = ("new_curation",)
    change_form_template = "console/curation.html"
    empty_title = "No document is pinned or hidden"
    empty_words = (
        "Pin a document to show it first, or hide it, in one search or in all of a collection."
        " Both can be taken back."
    )
    empty_link = (
        "admin:console_curation_new_curation",
        "Pin or hide a document",
        "curate_document",
    )

    def get_urls(self) -> list[URLPattern]:
        undo = self.admin_site.admin_view(curations.undo)
        redo = self.admin_site.admin_view(curations.redo)
        return [
            path("<int:curation_id>/undo/", undo, name="console_curation_undo"),
            path("<int:curation_id>/redo/", redo, name="console_curation_redo"),
            *super().get_urls(),
        ]

    @action(
        description="Pin or hide a document",
        url_path="new",
        icon="add",
        permissions=["curate"],
    )
    def new_curation(self, request: HttpRequest) -> HttpResponse:
        return curations.new_curation(request, self)

    def has_curate_permission(self, request: HttpRequest) -> bool:
        return may(request, "curate_document")

    @admin.display(description="document", ordering="external_id")
    def shown_document(self, row: Any) -> str:
        return words.first_line(row.external_id, 80)

    @admin.display(description="state")
    def shown_state(self, row: Any) -> object:
        if row.removed_at is not None:
            return markup.label(f"{words.CURATION_WORDS[row.action]}, taken back", "quiet")
        if row.action == "pin":
            return markup.label(f"pinned, no. {row.position}", "good")
        return markup.label("hidden", "warn")

    @admin.display(description="in")
    def shown_query(self, row: Any) -> str:
        return f"searches for “{words.first_line(row.query, 80)}”" if row.query else "every search"
