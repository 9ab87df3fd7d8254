"""Pages of placements with their rules, and of experiments."""

from typing import Any

from django.contrib import admin

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated


@admin.register(models.Placement)
class PlacementAdmin(ReadOnlyAdmin):
    list_display = ("name", "catalog_link", "shown_rules", "changed_at_ago", "changed_by")
    list_select_related = ("catalog",)
    list_filter = (("workspace", ByRelated), ("catalog", ByRelated))
    search_fields = ("name__startswith",)
    search_help_text = "How the name begins"
    ordering = ("catalog", "name")
    empty_title = "No placement yet"
    empty_words = (
        "A placement is a place that shows lists, such as “home” or “cart”: requests name it, and"
        " its rules pin, boost, bury or limit items there."
    )

    @admin.display(description="rules")
    def shown_rules(self, row: Any) -> str:
        n_on = sum(rule.get("is_on", True) for rule in row.rules)
        n_off = len(row.rules) - n_on
        off = f", {n_off} switched off" if n_off else ""
        return words.plural(n_on, "rule") + off


@admin.register(models.Experiment)
class ExperimentAdmin(ReadOnlyAdmin):
    list_display = ("name", "shown_status", "placement", "catalog_link", "started_at_ago")
    list_select_related = ("catalog",)
    list_filter = (("workspace", ByRelated), ("catalog", ByRelated))
    search_fields = ("name__startswith",)
    search_help_text = "How the name begins"
    ordering = ("-id",)
    empty_title = "No experiment yet"
    empty_words = (
        "An experiment shows different people different lists in one placement, and says which of"
        " them are clicked more."
    )

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.EXPERIMENT_WORDS[row.status])
