"""Pages of workspaces, API keys and the staff audit."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action

from embedhub.console import markup, models
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated, Since
from embedhub.console.pages import files, keys, workspaces
from embedhub.console.permissions import may

Rows = Any


@admin.register(models.Workspace)
class WorkspaceAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = ("slug", "name", "created_at_ago")
    search_fields = ("slug", "name")
    search_help_text = "Slug or name"
    ordering = ("slug",)
    actions_list = ("new_workspace",)
    change_form_outer_after_template = "console/workspace_links.html"
    empty_title = "No workspace yet"
    empty_words = "A workspace holds one tenant's API keys, collections and documents."
    empty_link = (
        "admin:console_workspace_new_workspace",
        "Create the first workspace",
        "create_workspace",
    )

    @action(
        description="New workspace",
        url_path="new",
        icon="add",
        permissions=["create"],
    )
    def new_workspace(self, request: HttpRequest) -> HttpResponse:
        return workspaces.new_workspace(request, self)

    def get_urls(self) -> list[URLPattern]:
        fetching = self.admin_site.admin_view(self._allow_fetching)
        return [
            path("<int:workspace_id>/fetching/", fetching, name="console_allow_fetching"),
            *super().get_urls(),
        ]

    def _allow_fetching(self, request: HttpRequest, workspace_id: int) -> HttpResponse:
        return files.allow_fetching(request, workspace_id)

    def has_create_permission(self, request: HttpRequest) -> bool:
        return may(request, "create_workspace")


class KeyState(DropdownFilter):
    """Keys by what they are good for now."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("usable", "Usable"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        now = datetime.now(UTC)
        if self.value() == "usable":
            return queryset.filter(revoked_at=None).exclude(expires_at__lte=now)
        if self.value() == "expired":
            return queryset.filter(revoked_at=None, expires_at__lte=now)
        if self.value() == "revoked":
            return queryset.exclude(revoked_at=None)
        return queryset


@admin.register(models.ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = (
        "name",
        "workspace_link",
        "shown_prefix",
        "shown_scopes",
        "shown_state",
        "last_used_at_ago",
        "expires_at_ago",
        "created_at_ago",
    )
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated), KeyState)
    search_fields = ("name", "prefix__startswith")
    search_help_text = "Name, or how the key begins"
    ordering = ("-id",)
    fields = (
        "name",
        "workspace",
        "shown_prefix",
        "shown_scopes",
        "shown_state",
        "shown_collections",
        "shown_principals",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    actions_list = ("new_key",)
    change_form_template = "console/key.html"
    empty_title = "No API key yet"
    empty_words = "Programs call the REST API with a key. A key opens one workspace."
    empty_link = ("admin:console_apikey_new_key", "Create the first key", "issue_apikey")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self._revoke)
        own = path("<int:key_id>/revoke/", view, name="console_apikey_revoke")
        return [own, *super().get_urls()]

    @action(
        description="New API key",
        url_path="new",
        icon="add",
        permissions=["issue"],
    )
    def new_key(self, request: HttpRequest) -> HttpResponse:
        return keys.new_key(request, self)

    def has_issue_permission(self, request: HttpRequest) -> bool:
        return may(request, "issue_apikey")

    def _revoke(self, request: HttpRequest, key_id: int) -> HttpResponse:
        return keys.revoke(request, self, key_id)

    @admin.display(description="begins with", ordering="prefix")
    def shown_prefix(self, key: Any) -> object:
        return markup.code(f"{key.prefix}…")

    @admin.display(description="scopes")
    def shown_scopes(self, key: Any) -> object:
        return markup.chips(key.scopes, everything="", nothing=markup.EMPTY)

    @admin.display(description="state")
    def shown_state(self, key: Any) -> object:
        if key.revoked_at is not None:
            return markup.label("revoked", "bad")
        if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
            return markup.label("expired", "warn")
        return markup.label("usable", "good")

    @admin.display(description="opens collections")
    def shown_collections(self, key: Any) -> object:
        slugs = key.collection_ids
        if slugs is not None:
            found = models.Collection.objects.filter(pk__in=key.collection_ids)
            slugs = [row.slug for row in found.order_by("slug")]
        return markup.chips(slugs, everything="all of the workspace", nothing="none")

    @admin.display(description="sees as principals")
    def shown_principals(self, key: Any) -> object:
        return markup.chips(
            key.principals,
            everything="every document, whatever its access",
            nothing="only documents open to everybody",
        )


@admin.register(models.StaffAction)
class StaffActionAdmin(ReadOnlyAdmin):
    list_display = ("created_at_ago", "staff", "action", "shown_subject", "workspace_link")
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated), Since)
    search_fields = ("staff", "action", "subject")
    search_help_text = "Who, what, or on what"
    ordering = ("-created_at", "-id")
    fields = (
        "created_at",
        "staff",
        "action",
        "subject",
        "subject_id",
        "workspace",
        "details",
    )
    empty_title = "Nobody has changed anything yet"
    empty_words = "Every change made in this console is written down here."

    @admin.display(description="on", ordering="subject")
    def shown_subject(self, row: Any) -> str:
        return f"{row.subject} {row.subject_id or ''}".strip()
