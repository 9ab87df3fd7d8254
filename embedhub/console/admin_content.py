"""Pages of documents with their versions, and chunks."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import DropdownFilter

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated, UpdatedSince
from embedhub.console.pages import documents

Rows = Any


class DocumentState(DropdownFilter):
    """Documents by whether their newest text answers."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("updating", "Newer text not answering yet"), ("restricted", "Access restricted")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() == "updating":
            return queryset.exclude(live_generation=F("generation"))
        if self.value() == "restricted":
            return queryset.filter(access__isnull=False)
        return queryset


@admin.register(models.Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_id",
        "shown_title",
        "collection_link",
        "workspace_link",
        "shown_access",
        "updated_at_ago",
    )
    list_select_related = ("workspace", "collection", "file")
    list_filter = (
        ("workspace", ByRelated),
        ("collection", ByRelated),
        DocumentState,
        UpdatedSince,
        ("file", ByRelated),
    )
    search_fields = ("external_id",)
    search_help_text = "External id or words of the title"
    ordering = ("-id",)
    fields = (
        "external_id",
        "shown_title",
        ("collection", "workspace"),
        "url",
        ("shown_access", "language"),
        "metadata",
        ("source_version", "expires_at"),
        "file_link",
        ("created_at", "updated_at"),
    )
    change_form_template = "console/document.html"
    empty_title = "No document yet"
    empty_words = (
        "Send some with POST /v1/collections/{slug}/documents, or read a folder with "
        "“embedhub ingest PATH”."
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        version = models.DocumentVersion.objects.filter(
            document=OuterRef("pk"), version=OuterRef("version")
        )
        return super().get_queryset(request).annotate(title=Subquery(version.values("title")))

    def get_search_results(
        self, request: HttpRequest, queryset: Rows, search_term: str
    ) -> tuple[Rows, bool]:
        """Return the documents of this external id, or whose newest title holds the words."""
        term = search_term.strip()
        if not term:
            return queryset, False
        titled = models.DocumentVersion.objects.filter(
            document=OuterRef("pk"), version=OuterRef("version"), title__icontains=term
        )
        is_named = Q(external_id=term) | Q(external_id__startswith=term)
        return queryset.filter(is_named | Q(Exists(titled))), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), **documents.detail(request, object_id)}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="external id")
    def shown_id(self, row: Any) -> str:
        return words.first_line(row.external_id, 80)

    @admin.display(description="title")
    def shown_title(self, row: Any) -> str:
        return words.first_line(row.title or "") or markup.EMPTY

    @admin.display(description="seen by")
    def shown_access(self, row: Any) -> object:
        return markup.chips(row.access, everything="everybody", nothing="unbound keys only")


@admin.register(models.DocumentVersion)
class DocumentVersionAdmin(ReadOnlyAdmin):
    list_display = ("document_link", "version", "shown_title", "created_at_ago")
    list_select_related = ("document",)
    list_display_links = ("version",)
    ordering = ("-document", "-version")
    fields = ("document", "version", "title", "shown_text", "created_at")
    empty_title = "No document version yet"

    def get_queryset(self, request: HttpRequest) -> Rows:
        rows = super().get_queryset(request)
        # A list never drags whole texts along.
        is_list = request.path.endswith("/documentversion/")
        return rows.defer("text") if is_list else rows

    @admin.display(description="title")
    def shown_title(self, row: Any) -> str:
        return words.first_line(row.title) or markup.EMPTY

    @admin.display(description="text")
    def shown_text(self, row: Any) -> object:
        return documents.cut_text(row.text)


@admin.register(models.Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    list_display = ("id", "document_link", "shown_number", "shown_text", "n_tokens", "shown_range")
    list_select_related = ("document",)
    list_filter = (("workspace", ByRelated), ("collection", ByRelated))
    search_fields = ("document__external_id__exact",)
    search_help_text = "External id of the document, in full"
    ordering = ("-id",)
    fields = (
        "document",
        "collection",
        "workspace",
        ("version", "generation"),
        ("shown_number", "n_tokens"),
        "shown_range",
        "heading_path",
        "shown_whole_text",
    )
    empty_title = "No chunk yet"
    empty_words = "Documents are split into chunks as they arrive."

    @admin.display(description="no.")
    def shown_number(self, row: Any) -> int:
        return row.position + 1

    @admin.display(description="text")
    def shown_text(self, row: Any) -> str:
        return words.first_line(row.text, 90)

    @admin.display(description="text")
    def shown_whole_text(self, row: Any) -> object:
        return documents.cut_text(row.text)

    @admin.display(description="characters")
    def shown_range(self, row: Any) -> str:
        return f"{row.start_offset:,} to {row.end_offset:,}"
