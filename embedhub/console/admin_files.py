"""Pages of files: what was sent, what became of it, and why a file could not be read."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import files
from embedhub.console.permissions import may

Rows = Any


class FileStatusFilter(DropdownFilter):
    """Files by how they stand."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(words.FILE_STATUS_WORDS.items())

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(models.File)
class FileAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = (
        "shown_name",
        "collection_link",
        "workspace_link",
        "shown_state",
        "shown_documents",
        "shown_size",
        "updated_at_ago",
        "shown_retry",
    )
    list_select_related = ("workspace", "collection")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), FileStatusFilter)
    search_fields = ("external_id__startswith",)
    search_help_text = "Beginning of the name"
    ordering = ("-id",)
    actions = ("retry_selected",)
    change_form_template = "console/file.html"
    fields = (
        "external_id",
        ("collection", "workspace"),
        "url",
        ("media_type", "shown_size"),
        "shown_status",
        "reason",
        ("n_documents", "n_pages", "n_refused"),
        ("attempts", "run"),
        "shown_access",
        "fields",
        "created_at",
        "updated_at",
        "finished_at",
    )
    empty_title = "No file yet"
    empty_words = (
        "Files sent from here, with POST /v1/collections/{slug}/files, or from a folder with"
        " “embedhub ingest PATH”, appear here with what became of them."
    )
    empty_link = ("admin:console_files", "Send files", "upload_file")
    actions_list = ("send_files",)

    def get_urls(self) -> list[URLPattern]:
        retry, original = map(self.admin_site.admin_view, (self._retry, self._original))
        return [
            path("<int:file_id>/retry/", retry, name="console_file_retry"),
            path("<int:file_id>/original/", original, name="console_file_original"),
            *super().get_urls(),
        ]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, "retry_file")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Return the columns, without the button for those who may not press it."""
        may = self.has_retry_permission(request)
        return [name for name in super().get_list_display(request) if may or name != "shown_retry"]

    def has_upload_permission(self, request: HttpRequest) -> bool:
        return may(request, "upload_file")

    @action(description="Send files", url_path="send", icon="upload", permissions=["upload"])
    def send_files(self, request: HttpRequest) -> HttpResponse:
        # Of the collection whose files the list shows, if it does.
        chosen = request.GET.get("collection__id__exact", "")
        query = f"?{urlencode({'collection': chosen})}" if chosen else ""
        return redirect(reverse("admin:console_files") + query)

    @admin.action(description="Read selected failed files again", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: Rows) -> None:
        failed = queryset.filter(status="failed").select_related("collection")
        files.retry_rows(request, failed[: files.RETRIED_AT_ONCE])

    def _retry(self, request: HttpRequest, file_id: int) -> HttpResponse:
        return files.retry_one(request, file_id)

    def _original(self, request: HttpRequest, file_id: int) -> HttpResponseBase:
        return files.original(request, file_id)

    @admin.display(description="")
    def shown_retry(self, row: Any) -> object:
        if row.status != "failed":
            return ""
        return markup.post_button(reverse("admin:console_file_retry", args=[row.pk]), "Retry")

    @admin.display(description="file", ordering="external_id")
    def shown_name(self, row: Any) -> str:
        return words.first_line(row.external_id, 60)

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(
            words.FILE_STATUS_WORDS[row.status], words.FILE_STATUS_TONES[row.status]
        )

    @admin.display(description="status", ordering="status")
    def shown_state(self, row: Any) -> object:
        # The reason where it is looked for, and with room to be read.
        reason = words.first_line(row.reason or "", 160)
        return markup.stacked(self.shown_status(row), reason) if reason else self.shown_status(row)

    @admin.display(description="documents", ordering="n_documents")
    def shown_documents(self, row: Any) -> str:
        return f"{row.n_documents:,}"

    @admin.display(description="size", ordering="n_bytes")
    def shown_size(self, row: Any) -> str:
        return words.size(row.n_bytes)

    @admin.display(description="seen by")
    def shown_access(self, row: Any) -> object:
        return markup.chips(row.access, everything="everybody", nothing="unbound keys only")
