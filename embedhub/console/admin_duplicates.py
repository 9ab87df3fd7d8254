"""Pages of duplicates: whose are looked for, pairs, clusters and what was decided."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.decorators import action

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import duplicate_thresholds, duplicates


def owner_words(row: Any) -> str:
    """Return whose duplicates a set's are."""
    if row.other_collection is not None:
        return f"{row.collection.slug} in {row.other_collection.slug}"
    return str((row.collection or row.catalog).slug)


@admin.register(models.DuplicateSet)
class DuplicateSetAdmin(ReadOnlyAdmin):
    list_display = ("shown_owner", "level", "n_rows", "workspace_link", "scanned_at_ago")
    list_select_related = ("workspace", "collection", "catalog", "other_collection")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), ("catalog", ByRelated))
    ordering = ("-id",)
    fields = (
        ("shown_owner", "level", "n_rows"),
        "workspace",
        "settings",
        "semantic_threshold",
        ("created_at", "scanned_at"),
        "run",
    )
    empty_title = "No duplicates were looked for yet"
    empty_words = (
        "Look for the duplicates of a collection or catalog; new rows follow by themselves."
    )

    @admin.display(description="of")
    def shown_owner(self, row: Any) -> str:
        return owner_words(row)


@admin.register(models.DuplicatePair)
class DuplicatePairAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_score",
        "shown_kind",
        "shown_status",
        "shown_contradictions",
        "set_link",
        "workspace_link",
        "found_at_ago",
    )
    list_select_related = ("workspace", "set")
    list_filter = (("workspace", ByRelated), ("set", ByRelated))
    ordering = ("-id",)
    fields = (
        ("shown_score", "shown_kind", "shown_status"),
        ("set", "workspace"),
        ("left_id", "right_id"),
        ("is_automatic", "shown_contradictions"),
        "parts",
        ("found_at", "seen_at"),
    )
    actions_list = ("open_queue",)
    empty_title = "No duplicate pairs"
    empty_words = "Pairs of rows that may be the same stand here once duplicates were looked for."

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("queue/", own(self._queue), name="console_duplicates"),
            path("queue/thresholds/", own(self._thresholds), name="console_duplicates_thresholds"),
            path("queue/decide/", own(duplicates.decide), name="console_duplicates_decide"),
            path(
                "queue/band/", own(duplicate_thresholds.decide_band), name="console_duplicates_band"
            ),
            path("queue/start/", own(duplicates.start), name="console_duplicates_start"),
            *super().get_urls(),
        ]

    def _queue(self, request: HttpRequest) -> HttpResponse:
        return duplicates.duplicates_page(request, self)

    def _thresholds(self, request: HttpRequest) -> HttpResponse:
        return duplicate_thresholds.thresholds_page(request, self)

    @action(description="Look at pairs side by side", url_path="side-by-side", icon="compare")
    def open_queue(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:console_duplicates")

    @admin.display(description="score")
    def shown_score(self, row: Any) -> str:
        return f"{row.score:.3f}"

    @admin.display(description="kind")
    def shown_kind(self, row: Any) -> str:
        return words.DUPLICATE_KIND_WORDS[row.kind]

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.FINDING_STATUS_WORDS[row.status])

    @admin.display(description="differs in")
    def shown_contradictions(self, row: Any) -> str:
        return ", ".join(row.contradictions) or markup.EMPTY


@admin.register(models.DuplicateDecision)
class DuplicateDecisionAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_action",
        "left_key",
        "right_key",
        "decided_by",
        "decided_at_ago",
        "shown_undone",
    )
    list_select_related = ("workspace", "set")
    list_filter = (("workspace", ByRelated), ("set", ByRelated))
    ordering = ("-id",)
    fields = (
        "shown_action",
        ("left_key", "right_key"),
        ("keep_key", "hidden_external_id"),
        ("set", "workspace"),
        "score",
        "note",
        ("decided_by", "decided_at"),
        ("undone_by", "undone_at"),
    )
    empty_title = "Nothing was decided yet"
    empty_words = "What people say about pairs stands here, with what they took back."

    @admin.display(description="decision")
    def shown_action(self, row: Any) -> str:
        return words.DUPLICATE_ACTION_WORDS[row.action]

    @admin.display(description="taken back")
    def shown_undone(self, row: Any) -> str:
        return markup.EMPTY if row.undone_at is None else f"by {row.undone_by}"


@admin.register(models.DuplicateCluster)
class DuplicateClusterAdmin(ReadOnlyAdmin):
    list_display = ("n_members", "shown_weakest", "shown_limits", "set_link", "updated_at_ago")
    list_select_related = ("workspace", "set")
    list_filter = (("workspace", ByRelated), ("set", ByRelated))
    ordering = ("-id",)
    fields = (
        ("n_members", "n_pairs", "shown_weakest"),
        ("set", "workspace"),
        "canonical_id",
        "shown_limits",
        "updated_at",
    )
    empty_title = "No clusters"
    empty_words = "Rows that are one thing stand together here, joined along verified pairs."

    @admin.display(description="weakest pair")
    def shown_weakest(self, row: Any) -> str:
        return f"{row.weakest:.3f}"

    @admin.display(description="kept apart")
    def shown_limits(self, row: Any) -> str:
        said = ["as large as a cluster may be"] if row.is_capped else []
        if row.n_refused:
            said.append(f"{row.n_refused} pairs would have chained it to others")
        return ", ".join(said) or markup.EMPTY
