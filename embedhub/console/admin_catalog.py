"""Pages of catalogs: items, users, what users did and what they were shown."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from embedhub.console import markup, models
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import catalogs, items, people, recommenders, side_by_side

NO_CATALOG = "Catalogs hold items, users and interactions for recommendations."


@admin.register(models.Catalog)
class CatalogAdmin(ReadOnlyAdmin):
    list_display = ("slug", "workspace_link", "language", "encoder", "created_at_ago")
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated),)
    search_fields = ("slug", "name")
    search_help_text = "Slug or name"
    ordering = ("workspace", "slug")
    fields = (
        ("slug", "name", "workspace"),
        ("encoder", "language", "created_at"),
        "content_template",
        "interaction_weights",
        ("unknown_users", "unknown_items"),
    )
    change_form_template = "console/catalog.html"
    empty_title = "No catalog yet"
    empty_words = NO_CATALOG

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:catalog_id>/lists/", view(self._lists), name="console_catalog_lists"),
            path(
                "<int:catalog_id>/training/start/",
                view(recommenders.start),
                name="console_recommender_start",
            ),
            path(
                "<int:catalog_id>/versions/<int:number>/publish/",
                view(recommenders.publish),
                name="console_recommender_publish",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        is_there = row is not None and row.deleted_at is None
        context = {**(extra_context or {}), **(catalogs.detail(row) if is_there else {})}
        return super().change_view(request, object_id, form_url, context)

    def _lists(self, request: HttpRequest, catalog_id: int) -> HttpResponse:
        return side_by_side.page_of(request, self, catalog_id)


class CatalogRowAdmin(ReadOnlyAdmin):
    """Rows inside a catalog."""

    list_filter = (("workspace", ByRelated), ("catalog", ByRelated))
    empty_words = NO_CATALOG


@admin.register(models.Item)
class ItemAdmin(CatalogRowAdmin):
    list_display = (
        "external_id",
        "catalog_link",
        "shown_categories",
        "is_hidden_words",
        "updated_at_ago",
    )
    list_select_related = ("catalog",)
    search_fields = ("external_id__startswith",)
    search_help_text = "How the external id begins"
    ordering = ("-id",)
    fields = (
        ("external_id", "catalog", "is_hidden"),
        "fields",
        ("categories", "labels"),
        "attributes",
        ("available_from", "available_until"),
        ("created_at", "updated_at"),
    )
    change_form_template = "console/item.html"
    empty_title = "No item yet"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        is_there = row is not None and row.catalog.deleted_at is None
        context = {**(extra_context or {}), **(items.detail(row) if is_there else {})}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="categories")
    def shown_categories(self, row: Any) -> object:
        return markup.chips(row.categories, everything="", nothing=markup.EMPTY)


@admin.register(models.User)
class UserAdmin(CatalogRowAdmin):
    list_display = ("external_id", "catalog_link", "updated_at_ago")
    list_select_related = ("catalog",)
    search_fields = ("external_id__startswith",)
    search_help_text = "How the external id begins"
    ordering = ("-id",)
    fields = (("external_id", "catalog"), "attributes", "content", ("created_at", "updated_at"))
    change_form_template = "console/user.html"
    empty_title = "No user yet"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        is_there = row is not None and row.catalog.deleted_at is None
        context = {**(extra_context or {}), **(people.detail(request, row) if is_there else {})}
        return super().change_view(request, object_id, form_url, context)


@admin.register(models.Interaction)
class InteractionAdmin(CatalogRowAdmin):
    list_display = ("id", "user_link", "type", "item_link", "value", "happened_at_ago")
    list_select_related = ("user", "item")
    ordering = ("-id",)
    empty_title = "No interaction yet"


@admin.register(models.HeldInteraction)
class HeldInteractionAdmin(CatalogRowAdmin):
    list_display = ("id", "user_external_id", "type", "item_external_id", "happened_at_ago")
    ordering = ("-id",)
    empty_title = "No interaction waits"
    empty_words = "Interactions wait here until their user and item are sent."


@admin.register(models.Impression)
class ImpressionAdmin(CatalogRowAdmin):
    list_display = ("request_id", "position", "user_link", "item_link", "placement", "shown_at_ago")
    list_select_related = ("user", "item")
    ordering = ("request_id", "position")
    empty_title = "No impression yet"
