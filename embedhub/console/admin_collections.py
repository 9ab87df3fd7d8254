"""Pages of collections, and what is done within one: searching, asking, sending files."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action

from embedhub.console import markup, models, queries, words
from embedhub.console.admin_base import ReadOnlyAdmin, detail_url
from embedhub.console.filters import ByRelated
from embedhub.console.pages import (
    ask,
    chunking,
    collections,
    indexes,
    search,
    service_quality,
    uploading,
)
from embedhub.console.permissions import may

Rows = Any


class DeletedCollections(DropdownFilter):
    """Collections that answer, or those whose rows are still being deleted."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "In use"), ("deleted", "Being deleted")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() in {"live", "deleted"}:
            return queryset.filter(deleted_at__isnull=self.value() == "live")
        return queryset


@admin.register(models.Collection)
class CollectionAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = (
        "shown_slug",
        "workspace_link",
        "language",
        "encoder",
        "shown_documents",
        "shown_chunks",
        "shown_progress",
        "created_at_ago",
    )
    list_display_links = None
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated), DeletedCollections)
    search_fields = ("slug", "name")
    search_help_text = "Slug or name"
    ordering = ("workspace", "slug")
    fields = (
        ("slug", "name"),
        "workspace",
        ("language", "encoder"),
        "chunking",
        "filterable",
        "ranking",
        ("created_at", "deleted_at"),
    )
    change_form_outer_before_template = "console/collection_state.html"
    empty_title = "No collection yet"
    empty_words = (
        "Create one here or with POST /v1/collections, or let “embedhub ingest PATH” make it while "
        "it reads a folder."
    )
    empty_link = ("admin:console_collection_new_collection", "New collection", "create_collection")
    actions_list = ("new_collection",)

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("search/", own(self._search), name="console_search"),
            path("ask/", own(self._ask), name="console_ask"),
            path("files/", own(self._files), name="console_files"),
            path("<int:collection_id>/index/", own(self._index), name="console_index"),
            path("<int:collection_id>/chunking/", own(self._chunking), name="console_chunking"),
            *super().get_urls(),
        ]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the page of rows, each with its progress: one query for all of them."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        figures = queries.collection_progress([row.pk for row in rows])
        for row in rows:
            row.progress = figures[row.pk]
        changelist.result_list = rows
        return changelist

    def has_create_permission(self, request: HttpRequest) -> bool:
        return may(request, "create_collection")

    @action(description="New collection", url_path="new", icon="add", permissions=["create"])
    def new_collection(self, request: HttpRequest) -> HttpResponse:
        return collections.new_collection(request, self)

    def _files(self, request: HttpRequest) -> HttpResponse:
        return uploading.upload_page(request, self)

    def _chunking(self, request: HttpRequest, collection_id: int) -> HttpResponse:
        return chunking.chunking_page(request, self, collection_id)

    def _index(self, request: HttpRequest, collection_id: int) -> HttpResponse:
        return indexes.index_page(request, self, collection_id)

    def _ask(self, request: HttpRequest) -> HttpResponse:
        return ask.ask_page(request, self)

    def _search(self, request: HttpRequest) -> HttpResponse:
        return search.search_page(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        figures = queries.Progress()
        row = self.get_object(request, object_id)
        if row is not None:
            figures = queries.collection_progress([int(object_id)])[int(object_id)]
        context = {
            **(extra_context or {}),
            "progress": markup.progress(figures, "progress"),
            "n_documents": words.bounded(figures.n_documents, queries.COUNT_BOUND),
            "n_chunks": f"{figures.n_chunks:,}",
            "n_dead": figures.n_dead,
            **(service_quality.of_collection(row) if row is not None else {}),
        }
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="collection", ordering="slug")
    def shown_slug(self, row: Any) -> object:
        link = markup.link(detail_url(row), row.slug)
        return markup.join(link, markup.label("being deleted", "warn")) if row.deleted_at else link

    @admin.display(description="documents")
    def shown_documents(self, row: Any) -> object:
        url = reverse("admin:console_document_changelist")
        count = words.bounded(row.progress.n_documents, queries.COUNT_BOUND)
        return markup.link(f"{url}?collection__id__exact={row.pk}", count)

    @admin.display(description="chunks")
    def shown_chunks(self, row: Any) -> str:
        return f"{row.progress.n_chunks:,}"

    @admin.display(description="embedded")
    def shown_progress(self, row: Any) -> object:
        return markup.progress(row.progress, f"progress-{row.pk}")
