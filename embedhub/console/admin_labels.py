"""Pages of label sets, given labels, classifiers and likely label errors."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import label_queue, labels


def _page(
    show: Callable[[HttpRequest, Any, int], HttpResponse],
    model_admin: Any,
    request: HttpRequest,
    set_id: int,
) -> HttpResponse:
    return show(request, model_admin, set_id)


@admin.register(models.LabelSet)
class LabelSetAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "shown_owner",
        "level",
        "shown_source",
        "workspace_link",
        "created_at_ago",
    )
    list_select_related = ("workspace", "collection", "catalog")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), ("catalog", ByRelated))
    search_fields = ("name__startswith",)
    search_help_text = "How the name begins"
    ordering = ("-id",)
    fields = (
        ("name", "shown_owner", "level"),
        "workspace",
        "shown_source",
        "labels",
        "setting",
        ("created_at", "created_by"),
    )
    empty_title = "No label set yet"
    empty_words = (
        "A label set is a question with one answer a row, such as “topic” or “intent”. Its labels"
        " are read from a field of the metadata, or given by people here."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = {
            "set": labels.set_page,
            "train": labels.train,
            "edit": labels.edit,
            "queue": label_queue.queue_page,
            "errors": label_queue.errors_page,
        }
        steps = {
            "publish": labels.publish,
            "delete": labels.delete,
            "give": label_queue.give,
            "decide": label_queue.decide,
        }
        return [
            path("sets/", view(self._labels), name="console_labels"),
            *(
                path(
                    f"<int:set_id>/{name}/",
                    view(partial(_page, show, self)),
                    name=f"console_label_{name}",
                )
                for name, show in pages.items()
            ),
            *(
                path(f"<int:set_id>/{name}/", view(step), name=f"console_label_{name}")
                for name, step in steps.items()
            ),
            *super().get_urls(),
        ]

    def _labels(self, request: HttpRequest) -> HttpResponse:
        return labels.labels_page(request, self)

    @admin.display(description="of")
    def shown_owner(self, row: Any) -> str:
        return (row.collection or row.catalog).slug

    @admin.display(description="labels come from")
    def shown_source(self, row: Any) -> str:
        return f"the field “{row.field}”" if row.source == "field" else "people"


@admin.register(models.GivenLabel)
class GivenLabelAdmin(ReadOnlyAdmin):
    list_display = ("shown_label", "set", "shown_row", "given_by", "given_at_ago", "shown_undone")
    list_select_related = ("set", "document", "item")
    list_filter = (("workspace", ByRelated), ("set", ByRelated))
    ordering = ("-id",)
    fields = (
        ("shown_label", "set"),
        "workspace",
        "shown_row",
        ("given_by", "given_at"),
        ("undone_by", "undone_at"),
    )
    empty_title = "No label was given yet"
    empty_words = "Labels that people give rows stand here, with those they took back."

    @admin.display(description="label")
    def shown_label(self, row: Any) -> str:
        return "none of these" if row.label is None else row.label

    @admin.display(description="row")
    def shown_row(self, row: Any) -> str:
        return (row.document or row.item).external_id

    @admin.display(description="taken back")
    def shown_undone(self, row: Any) -> str:
        return markup.EMPTY if row.undone_at is None else f"by {row.undone_by}"


@admin.register(models.Classifier)
class ClassifierAdmin(ReadOnlyAdmin):
    list_display = (
        "number",
        "set",
        "shown_status",
        "shown_accuracy",
        "n_rows",
        "workspace_link",
        "created_at_ago",
    )
    list_select_related = ("workspace", "set")
    list_filter = (("workspace", ByRelated), ("set", ByRelated))
    ordering = ("-id",)
    fields = (
        ("number", "shown_status", "origin"),
        ("set", "workspace"),
        "reason",
        ("n_rows", "labels"),
        "metrics",
        "settings",
        ("created_at", "published_at", "published_by"),
        "run",
    )
    empty_title = "No classifier yet"
    empty_words = (
        "One is trained from the labels of a set, or made of the labels’ descriptions where there"
        " are none yet."
    )

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.CLASSIFIER_STATUS_WORDS[row.status])

    @admin.display(description="right, by cross-validation")
    def shown_accuracy(self, row: Any) -> str:
        accuracy = row.metrics.get("accuracy")
        return markup.EMPTY if accuracy is None else f"{100 * accuracy:.1f} %"


@admin.register(models.LabelError)
class LabelErrorAdmin(ReadOnlyAdmin):
    list_display = ("shown_row", "label", "suggested", "set", "shown_status", "found_at_ago")
    list_select_related = ("set", "document", "item")
    list_filter = (("workspace", ByRelated), ("set", ByRelated), "status")
    ordering = ("confidence",)
    fields = (
        ("shown_row", "set", "shown_status"),
        "workspace",
        ("label", "confidence"),
        ("suggested", "suggested_probability"),
        "found_at",
    )
    empty_title = "No likely label error"
    empty_words = (
        "Training compares every label with what classifiers say that have not seen the row."
    )

    @admin.display(description="row")
    def shown_row(self, row: Any) -> str:
        return (row.document or row.item).external_id

    @admin.display(description="status")
    def shown_status(self, row: Any) -> object:
        return markup.label(*words.LABEL_ERROR_WORDS[row.status])
