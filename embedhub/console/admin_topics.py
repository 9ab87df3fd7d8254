"""Pages of topics: the fits that were made, what each found, and the pages to work with them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import topics


@admin.register(models.TopicFit)
class TopicFitAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_owner",
        "level",
        "shown_status",
        "shown_method",
        "n_rows",
        "shown_noise",
        "workspace_link",
        "created_at_ago",
    )
    list_select_related = ("workspace", "collection", "catalog")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), ("catalog", ByRelated))
    ordering = ("-id",)
    fields = (
        ("shown_owner", "level", "shown_status"),
        ("shown_method", "n_rows", "shown_noise"),
        "workspace",
        "settings",
        "metrics",
        ("created_at", "live_at"),
        "run",
    )
    empty_title = "No topics yet"
    empty_words = (
        "Rows that say similar things are grouped and named:"
        " POST /v1/collections/{slug}/topics/scan, or start it on the page Topics."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("topics/", view(self._topics), name="console_topics"),
            path("topics/start/", view(self._start), name="console_topics_start"),
            path("topics/map.png", view(topics.picture), name="console_topics_picture"),
            path("topics/<int:number>/rename/", view(topics.rename), name="console_topics_rename"),
            *super().get_urls(),
        ]

    def _topics(self, request: HttpRequest) -> HttpResponse:
        return topics.topics_page(request, self)

    def _start(self, request: HttpRequest) -> HttpResponse:
        return topics.start(request, self)

    @admin.display(description="of")
    def shown_owner(self, row: Any) -> str:
        return (row.collection or row.catalog).slug

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.TOPIC_FIT_STATUS_WORDS[row.status])

    @admin.display(description="grouped")
    def shown_method(self, row: Any) -> str:
        return words.TOPIC_METHOD_WORDS[row.method]

    @admin.display(description="in no topic")
    def shown_noise(self, row: Any) -> str:
        share = row.metrics.get("unsorted_share")
        return markup.EMPTY if share is None else f"{100 * share:.1f} %"


@admin.register(models.Topic)
class TopicAdmin(ReadOnlyAdmin):
    list_display = ("number", "name", "shown_source", "n_rows", "workspace_link")
    list_select_related = ("workspace",)
    list_filter = (("workspace", ByRelated),)
    search_fields = ("name",)
    search_help_text = "Words of the name"
    ordering = ("-fit", "number")
    fields = (
        ("number", "name", "shown_source"),
        ("n_rows", "kept_share", "is_public"),
        "words",
        "workspace",
    )
    empty_title = "No topics yet"
    empty_words = "Topics are found by a fit, which the page Topics starts."

    @admin.display(description="named by")
    def shown_source(self, row: Any) -> object:
        return markup.label(*words.TOPIC_NAME_WORDS[row.name_source])
