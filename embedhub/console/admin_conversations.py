"""Pages of conversations, and of what words the answers of each workspace."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from embedhub.console import markup, models
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated, Since
from embedhub.console.pages import conversations, llm
from embedhub.console.permissions import may


@admin.register(models.Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = (
        "title",
        "workspace_link",
        "api_key_link",
        "n_turns",
        "shown_principals",
        "updated_at_ago",
    )
    list_select_related = ("workspace", "api_key")
    list_filter = (("workspace", ByRelated), Since)
    search_fields = ("title__startswith",)
    search_help_text = "Beginning of the first question"
    ordering = ("-id",)
    fields = (
        ("workspace", "api_key"),
        "shown_collections",
        "shown_principals",
        ("created_at", "updated_at"),
        "shown_end",
    )
    change_form_template = "console/conversation.html"
    empty_title = "No conversation yet"
    empty_words = (
        "Questions asked with “conversation” in POST /v1/collections/{slug}/answers are kept here"
        " with their answers, for a time."
    )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), **conversations.said(object_id)}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="about collections")
    def shown_collections(self, row: Any) -> object:
        found = models.Collection.objects.filter(pk__in=row.collection_ids).order_by("slug")
        slugs = [each.slug for each in found]
        return markup.chips(slugs, everything="", nothing="collections that are gone")

    @admin.display(description="for the eyes of")
    def shown_principals(self, row: Any) -> object:
        return markup.chips(
            row.principals, everything="keys that see every document", nothing="everybody"
        )

    @admin.display(description="is deleted")
    def shown_end(self, row: Any) -> object:
        return markup.exact_moment(conversations.end_of(row.updated_at))


@admin.register(models.LlmSetting)
class LlmSettingAdmin(ReadOnlyAdmin):
    sortable_by = None
    list_display = ("workspace_link", "shown_state", "shown_name", "base_url", "updated_at_ago")
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated),)
    ordering = ("-id",)
    fields = (
        "workspace",
        "shown_state",
        "base_url",
        "shown_name",
        ("temperature", "max_tokens"),
        "updated_at",
    )
    actions_list = ("edit",)
    actions_detail = ("edit_one",)
    empty_title = "No workspace has a language model of its own"
    empty_words = (
        "Answers are worded by the installation's language model if EMBEDHUB_LLM_BASE_URL names"
        " one, else they are sentences of the documents. A workspace may have another."
    )
    empty_link = ("admin:console_llmsetting_edit", "Set up a language model", "set_up_llm")

    @action(
        description="Set up a language model",
        url_path="edit",
        icon="tune",
        permissions=["set_up"],
    )
    def edit(self, request: HttpRequest) -> HttpResponse:
        return llm.edit(request, self)

    @action(description="Change", url_path="edit-one", permissions=["set_up"])
    def edit_one(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return llm.edit_row(object_id)

    def has_set_up_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "set_up_llm")

    @admin.display(description="answers are")
    def shown_state(self, row: Any) -> object:
        if row.is_enabled:
            return markup.label("worded by it", "good")
        return markup.label("sentences of the documents", "quiet")

    @admin.display(description="language model", ordering="name")
    def shown_name(self, row: Any) -> str:
        return row.name or markup.EMPTY
