"""Pages of placements with their rules, and of experiments."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.decorators import action

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import experiments, placement_setup, placements
from embedhub.console.permissions import may


@admin.register(models.Placement)
class PlacementAdmin(ReadOnlyAdmin):
    list_display = ("name", "catalog_link", "shown_rules", "changed_at_ago", "changed_by")
    list_select_related = ("catalog",)
    list_filter = (("workspace", ByRelated), ("catalog", ByRelated))
    search_fields = ("name__startswith",)
    search_help_text = "How the name begins"
    ordering = ("catalog", "name")
    fields = (("catalog", "workspace"), ("revision", "changed_at", "changed_by"))
    actions_list = ("new_placement",)
    change_form_template = "console/placement.html"
    empty_title = "No placement yet"
    empty_words = (
        "A placement is a place that shows lists, such as “home” or “cart”: requests name it, and"
        " its rules pin, boost, bury or limit items there."
    )
    empty_link = (
        "admin:console_placement_new_placement",
        "New placement",
        "rule_placement",
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:placement_id>/rules/add/<str:kind>/",
                view(self._add),
                name="console_placement_add",
            ),
            path(
                "<int:placement_id>/rules/<int:number>/",
                view(self._edit),
                name="console_placement_edit",
            ),
            path(
                "<int:placement_id>/rules/<int:number>/<str:name>/",
                view(placements.step),
                name="console_placement_step",
            ),
            path(
                "<int:placement_id>/restore/<int:revision>/",
                view(placements.restore),
                name="console_placement_restore",
            ),
            path(
                "<int:placement_id>/delete/now/",
                view(self._delete),
                name="console_placement_delete_now",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        is_there = row is not None and row.catalog.deleted_at is None
        context = {**(extra_context or {}), **(placements.detail(request, row) if is_there else {})}
        return super().change_view(request, object_id, form_url, context)

    @action(
        description="New placement",
        url_path="new",
        icon="add",
        permissions=["change_rules"],
    )
    def new_placement(self, request: HttpRequest) -> HttpResponse:
        return placement_setup.new_placement(request, self)

    def has_change_rules_permission(self, request: HttpRequest) -> bool:
        return may(request, "rule_placement")

    def _add(self, request: HttpRequest, placement_id: int, kind: str) -> HttpResponse:
        return placements.edit_rule(request, self, placement_id, placements.ADD, kind)

    def _edit(self, request: HttpRequest, placement_id: int, number: int) -> HttpResponse:
        return placements.edit_rule(request, self, placement_id, number)

    def _delete(self, request: HttpRequest, placement_id: int) -> HttpResponse:
        return placement_setup.delete_placement(request, self, placement_id)

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
    fields = (
        ("catalog", "placement", "shown_status"),
        "note",
        ("created_by", "created_at"),
        ("started_at", "stopped_at"),
    )
    actions_list = ("new_experiment",)
    change_form_template = "console/experiment.html"
    empty_title = "No experiment yet"
    empty_words = (
        "An experiment shows different people different lists in one placement, and says which of"
        " them are clicked more."
    )
    empty_link = ("admin:console_experiment_new_experiment", "New experiment", "run_experiment")

    def get_urls(self) -> list[URLPattern]:
        step = self.admin_site.admin_view(self._step)
        return [
            path("<int:experiment_id>/<str:name>/now/", step, name="console_experiment_step"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        is_there = row is not None and row.catalog.deleted_at is None
        context = {**(extra_context or {}), **(experiments.detail(row) if is_there else {})}
        return super().change_view(request, object_id, form_url, context)

    @action(description="New experiment", url_path="new", icon="add", permissions=["run"])
    def new_experiment(self, request: HttpRequest) -> HttpResponse:
        return experiments.new_experiment(request, self)

    def _step(self, request: HttpRequest, experiment_id: int, name: str) -> HttpResponse:
        return experiments.step(request, self, experiment_id, name)

    def has_run_permission(self, request: HttpRequest) -> bool:
        return may(request, "run_experiment")

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.EXPERIMENT_WORDS[row.status])
