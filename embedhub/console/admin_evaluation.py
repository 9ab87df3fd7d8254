"""Pages of judged queries, feedback, variants and evaluations."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin, detail_url
from embedhub.console.filters import ByRelated, Since
from embedhub.console.pages import evaluating, judging, runs, variants

Rows = Any


@admin.register(models.JudgedQuery)
class JudgedQueryAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_query",
        "collection_link",
        "workspace_link",
        "shown_judgments",
        "split",
        "shown_source",
        "updated_at_ago",
    )
    list_display_links = None
    list_select_related = ("workspace", "collection")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), Since)
    search_fields = ("query",)
    search_help_text = "Words of the query"
    ordering = ("-id",)
    fields = (
        "query",
        ("collection", "workspace"),
        ("external_id", "split", "shown_source"),
        "shown_judged",
        ("created_at", "updated_at"),
    )
    change_list_template = "console/judged_queries.html"
    empty_title = "No query is judged yet"
    empty_words = (
        "Judge the hits of some queries here, import a set with “embedhub eval import”, or let "
        "clicks judge: POST /v1/feedback."
    )
    empty_link = ("admin:console_judge", "Judge hits", "judge_judgedquery")

    def get_urls(self) -> list[URLPattern]:
        page, store = map(self.admin_site.admin_view, (self._judging, self._judge))
        return [
            path("judge/", page, name="console_judge"),
            path("judge/set/", store, name="console_judge_set"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> Rows:
        judgments = models.Judgment.objects.filter(query=OuterRef("pk")).order_by()
        counted = judgments.values("query").annotate(
            n=Count("external_id"), found=Count("external_id", filter=Q(relevance__gt=0))
        )
        return (
            super()
            .get_queryset(request)
            .annotate(
                n_judgments=Coalesce(Subquery(counted.values("n")), 0),
                n_relevant=Coalesce(Subquery(counted.values("found")), 0),
            )
        )

    def _judging(self, request: HttpRequest) -> HttpResponse:
        return judging.judging_page(request, self)

    def _judge(self, request: HttpRequest) -> HttpResponse:
        return judging.judge(request)

    @admin.display(description="query")
    def shown_query(self, row: Any) -> object:
        return markup.link(detail_url(row), words.first_line(row.query, 120))

    @admin.display(description="judgments")
    def shown_judgments(self, row: Any) -> object:
        if not row.n_relevant:
            return markup.join(f"{row.n_judgments:,}", markup.label("nothing relevant", "warn"))
        return f"{row.n_judgments:,}, {row.n_relevant:,} relevant"

    @admin.display(description="from")
    def shown_source(self, row: Any) -> str:
        return words.JUDGED_SOURCE_WORDS.get(row.source, row.source)

    @admin.display(description="judgments")
    def shown_judged(self, row: Any) -> object:
        found = models.Judgment.objects.filter(query=row.pk).order_by("-relevance", "external_id")
        return markup.json_table({one.external_id: one.relevance for one in found[:200]})


@admin.register(models.Judgment)
class JudgmentAdmin(ReadOnlyAdmin):
    list_display = ("external_id", "relevance", "query_link", "shown_by", "judged_at_ago")
    list_select_related = ("query",)
    list_filter = (("query", ByRelated),)
    ordering = ("-judged_at", "query", "external_id")
    fields = ("external_id", "relevance", "query", "shown_by", "judged_at")
    empty_title = "Nothing is judged yet"
    empty_words = "How relevant documents are to judged queries appears here, one row each."

    @admin.display(description="judged by")
    def shown_by(self, row: Any) -> str:
        return row.judged_by or "came with its query"


@admin.register(models.Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_query",
        "external_id",
        "shown_kind",
        "collection_link",
        "workspace_link",
        "created_at_ago",
    )
    list_select_related = ("workspace", "collection")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), Since)
    ordering = ("-id",)
    fields = ("query", "external_id", "shown_kind", "collection", "workspace", "created_at")
    empty_title = "No feedback yet"
    empty_words = (
        "Tell which hits were clicked or liked with POST /v1/feedback; it becomes judged queries "
        "when you harvest it."
    )

    @admin.display(description="query")
    def shown_query(self, row: Any) -> str:
        return words.first_line(row.query, 100)

    @admin.display(description="what was done")
    def shown_kind(self, row: Any) -> object:
        return markup.label(*words.FEEDBACK_WORDS[row.kind])


@admin.register(models.Variant)
class VariantAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "collection_link",
        "workspace_link",
        "shown_source",
        "created_at_ago",
    )
    list_select_related = ("workspace", "collection")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated))
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("-id",)
    fields = ("name", ("collection", "workspace"), "shown_source", "setting", "facts", "created_at")
    change_form_template = "console/variant.html"
    empty_title = "No variant yet"
    empty_words = (
        "A setting saved under a name: with POST .../variants, learned from judged queries, or "
        "kept when another one was made live."
    )

    def get_urls(self) -> list[URLPattern]:
        apply, learn = map(self.admin_site.admin_view, (self._apply, self._learn))
        return [
            path("<int:variant_id>/apply/", apply, name="console_variant_apply"),
            path("learn/<int:collection_id>/", learn, name="console_learn"),
            *super().get_urls(),
        ]

    def _apply(self, request: HttpRequest, variant_id: int) -> HttpResponse:
        return variants.apply(request, self, variant_id)

    def _learn(self, request: HttpRequest, collection_id: int) -> HttpResponse:
        return variants.learn(request, self, collection_id)

    @admin.display(description="from")
    def shown_source(self, row: Any) -> object:
        return markup.label(*words.VARIANT_SOURCE_WORDS[row.source])


@admin.register(models.Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    list_display = (
        "shown_settings",
        "collection_link",
        "workspace_link",
        "shown_figures",
        "shown_queries",
        "shown_status",
        "created_at_ago",
    )
    list_display_links = None
    list_select_related = ("workspace", "collection", "run")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), Since)
    ordering = ("-id",)
    fields = (("collection", "workspace"), "settings", "shown_measured", "created_at")
    change_form_template = "console/evaluation.html"
    change_list_template = "console/evaluations.html"
    empty_title = "Nothing was measured yet"
    empty_words = "Compare two settings over the queries that you judged."
    empty_link = ("admin:console_compare", "Compare two settings", "start_evaluation")

    def get_urls(self) -> list[URLPattern]:
        compare = self.admin_site.admin_view(self._compare)
        return [path("compare/", compare, name="console_compare"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(evaluating.detail(row) if row else {})}
        if row is not None and row.run is not None and row.finished_at is None:
            context["progress"] = runs.progress_of(row.run)
        return super().change_view(request, object_id, form_url, context)

    def _compare(self, request: HttpRequest) -> HttpResponse:
        return evaluating.compare_page(request, self)

    @admin.display(description="settings")
    def shown_settings(self, row: Any) -> object:
        names = " against ".join(setting["name"] for setting in row.settings)
        return markup.link(detail_url(row), words.first_line(names, 120))

    @admin.display(description="what counts")
    def shown_measured(self, row: Any) -> str:
        which = f"split {row.split}" if row.split else "all judged queries"
        return f"the first {row.k} hits, {row.depth} are looked at; {which}"

    @admin.display(description="queries")
    def shown_queries(self, row: Any) -> str:
        return markup.EMPTY if row.n_queries is None else f"{row.n_queries:,}"

    @admin.display(description="nDCG")
    def shown_figures(self, row: Any) -> str:
        means = [f"{result['metrics'][0]['mean']:.3f}" for result in row.results]
        return " · ".join(means) or markup.EMPTY

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        if row.finished_at is not None:
            return markup.label("done", "good")
        return runs.status_of(row.run) if row.run else markup.label("failed", "bad")
