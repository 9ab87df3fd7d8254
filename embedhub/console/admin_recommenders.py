"""Pages of recommenders: which versions a catalog has had, and how well they did."""

from typing import Any

from django.contrib import admin

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated


@admin.register(models.RecommenderVersion)
class RecommenderVersionAdmin(ReadOnlyAdmin):
    list_display = (
        "number",
        "catalog_link",
        "workspace_link",
        "shown_status",
        "shown_ndcg",
        "n_interactions",
        "created_at_ago",
    )
    list_select_related = ("workspace", "catalog")
    list_filter = (("workspace", ByRelated), ("catalog", ByRelated))
    ordering = ("-id",)
    fields = (
        ("number", "shown_status", "origin"),
        ("catalog", "workspace"),
        "reason",
        "metrics",
        ("n_users", "n_items", "n_interactions"),
        ("trained_through", "created_at", "published_at"),
        "settings",
        "run",
    )
    empty_title = "No recommender yet"
    empty_words = (
        "One is trained on a catalog's interactions: POST /v1/catalogs/{slug}/training, or by"
        " itself once there are enough of them."
    )

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.RECOMMENDER_STATUS_WORDS[row.status])

    @admin.display(description="nDCG@10 (popularity, live)")
    def shown_ndcg(self, row: Any) -> str:
        figures = (row.metrics.get(name) for name in ("ndcg", "popularity_ndcg", "live_ndcg"))
        own, *others = ("–" if figure is None else f"{figure:.4f}" for figure in figures)
        return f"{own} ({', '.join(others)})"
