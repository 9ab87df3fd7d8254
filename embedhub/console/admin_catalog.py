"""Pages of catalogs: items, users, what users did and what they were shown."""

from typing import Any

from django.contrib import admin

from embedhub.console import markup, models
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated

NO_CATALOG = "Catalogs hold items, users and interactions for recommendations."


@admin.register(models.Catalog)
class CatalogAdmin(ReadOnlyAdmin):
    list_display = ("slug", "workspace_link", "language", "encoder", "created_at_ago")
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated),)
    search_fields = ("slug", "name")
    search_help_text = "Slug or name"
    ordering = ("workspace", "slug")
    empty_title = "No catalog yet"
    empty_words = NO_CATALOG


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
    empty_title = "No item yet"

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
    empty_title = "No user yet"


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
