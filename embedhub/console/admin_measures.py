"""Pages of what is measured: checks of the index against exact search, and uses of filters."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from unfold.contrib.filters.admin import DropdownFilter

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.search.recall.report import percents

Rows = Any


class CheckedSpaces(DropdownFilter):
    """Checks that had something to compare, or those that had not."""

    title = "result"
    parameter_name = "result"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("checked", "Something was checked"), ("nothing", "Nothing could be checked")]

    def queryset(self, request: Any, queryset: Rows) -> Rows:
        if self.value() == "checked":
            return queryset.filter(n_queries__gt=0)
        if self.value() == "nothing":
            return queryset.filter(n_queries=0)
        return queryset


@admin.register(models.RecallSample)
class RecallSampleAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_collection",
        "shown_class",
        "shown_recall",
        "shown_lowest",
        "n_queries",
        "shown_plans",
        "workspace_link",
        "measured_at_ago",
    )
    list_display_links = ("shown_class",)
    list_select_related = ("workspace", "space__collection")
    list_filter = (("workspace", ByRelated), ("space__collection", ByRelated), CheckedSpaces)
    ordering = ("-measured_at", "-id")
    fields = (
        "shown_collection",
        "workspace",
        "shown_class",
        ("shown_recall", "shown_lowest"),
        ("n_queries", "n_asked", "n_incomplete"),
        "plans",
        ("rows_compared", "took_ms"),
        "measured_at",
    )
    empty_title = "No index was checked yet"
    empty_words = (
        "Collections with an HNSW index are compared with exact search in the background "
        "(EMBEDHUB_RECALL_S; 0 never compares). Small collections have none: they are exact."
    )

    @admin.display(description="collection", ordering="space")
    def shown_collection(self, row: Any) -> object:
        collection = row.space.collection
        if collection is None:
            return markup.EMPTY
        url = reverse("admin:console_collection_change", args=[collection.pk])
        return markup.link(url, collection.slug)

    @admin.display(description="filter")
    def shown_class(self, row: Any) -> str:
        return words.FILTER_CLASS_WORDS.get(row.filter_class, row.filter_class)

    @admin.display(description="found of the true ten nearest")
    def shown_recall(self, row: Any) -> str:
        return markup.EMPTY if row.recall is None else percents(row.recall)

    @admin.display(description="lowest of one search")
    def shown_lowest(self, row: Any) -> str:
        return markup.EMPTY if row.lowest is None else percents(row.lowest)

    @admin.display(description="plans")
    def shown_plans(self, row: Any) -> object:
        named = [f"{plan} {count}" for plan, count in row.plans.items()]
        return markup.chips(named, everything="", nothing="nothing to check")


@admin.register(models.FilterUse)
class FilterUseAdmin(ReadOnlyAdmin):
    list_display = (
        "field",
        "shown_kind",
        "n_searches",
        "shown_mean",
        "collection_link",
        "workspace_link",
        "hour_ago",
    )
    list_select_related = ("workspace", "collection")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated))
    search_fields = ("field",)
    search_help_text = "Name of the field"
    ordering = ("-hour", "-id")
    fields = ("field", "shown_kind", "collection", "workspace", "hour", "n_searches", "shown_mean")
    empty_title = "No search was filtered lately"
    empty_words = "Searches with a filter are counted by field and hour, for advice on indexes."

    @admin.display(description="how")
    def shown_kind(self, row: Any) -> str:
        return row.kind.replace("_", " ")

    @admin.display(description="mean time")
    def shown_mean(self, row: Any) -> str:
        return f"{row.took_ms / max(1, row.n_searches):.1f} ms"
