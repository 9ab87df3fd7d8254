"""What every page over a mirror has in common: nothing is changed, nothing counted in full."""

from typing import Any

from django.contrib import admin, messages
from django.db import OperationalError, models
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from psycopg.errors import QueryCanceled
from unfold.admin import ModelAdmin

from embedhub.console import markup, words
from embedhub.console.mirror import Mirror
from embedhub.console.paging import BoundedPaginator
from embedhub.console.permissions import may
from embedhub.console.row_key import RowKey


class ReadOnlyAdmin(ModelAdmin):
    """Lists and shows the rows of a mirror.

    Every foreign key `x` gets a column `x_link` and every time `x_at` a column `x_at_ago`, to be
    named in `list_display`; booleans `x` have `x_words`. On a row's page, times are shown to the
    second and JSON as tables.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    list_filter_submit = True
    list_fullwidth = True
    # Sorting a large table by a column without an index would take minutes.
    sortable_by: tuple[str, ...] | None = ()
    actions_selection_counter = True
    change_list_template = "console/change_list.html"
    change_form_template = "console/change_form.html"
    empty_value_display = markup.EMPTY
    # what an empty list says: why it is empty, and what to do next
    empty_title = "Nothing here yet"
    empty_words = ""
    # name of a URL, its words, and the permission without which it leads nowhere
    empty_link: tuple[str, str, str] | None = None

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        for field in model._meta.fields:
            if isinstance(field, models.ForeignKey):
                setattr(self, f"{field.name}_link", _link_column(field))
            elif isinstance(field, models.DateTimeField):
                setattr(self, f"{field.name}_ago", _ago_column(field))
                setattr(self, f"{field.name}_exact", _exact_cell(field))
            elif isinstance(field, models.BooleanField):
                setattr(self, f"{field.name}_words", _yes_or_no(field))
            elif isinstance(field, models.JSONField) or hasattr(field, "base_field"):
                setattr(self, f"{field.name}_table", _table_cell(field))
        super().__init__(model, admin_site)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return the fields named by the class, else all of them in the table's order."""
        names = self.fields or [f.name for f in self.model._meta.fields if not _is_key(f)]
        return [
            self._cell_of(name) if isinstance(name, str) else tuple(map(self._cell_of, name))
            for name in names
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return every field: a mirror is only read."""
        return [name for row in self.get_fields(request, obj) for name in _names(row)]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the page of rows, without the remark that there may be others."""
        changelist = super().get_changelist_instance(request)
        changelist.full_result_count = changelist.result_count
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Return the list under its plain name."""
        title = self.opts.verbose_name_plural
        context = {
            "title": title[:1].upper() + title[1:],
            "empty_url": self.empty_url(request),
            **(extra_context or {}),
        }
        try:
            answer = super().changelist_view(request, context)
            # Rows are fetched while the page is written: here, where it can still be refused.
            return answer.render() if isinstance(answer, TemplateResponse) else answer
        except OperationalError as error:
            if not (request.GET and isinstance(error.__cause__, QueryCanceled)):
                raise
            messages.error(
                request,
                "Looking through so many rows took too long. Choose a workspace or a collection "
                "in the filters, or search for the exact id.",
            )
            return redirect(request.path)

    def empty_url(self, request: HttpRequest) -> str | None:
        """Return where the empty state's button leads, None without a button."""
        if self.empty_link is None or not may(request, self.empty_link[2]):
            return None
        return reverse(self.empty_link[0])

    def _cell_of(self, name: str) -> str:
        ways = (f"{name}_table", f"{name}_exact", f"{name}_words")
        return next((way for way in ways if hasattr(self, way)), name)


def detail_url(row: Mirror) -> str:
    """Return the address of a row's own page."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def _is_key(field: models.Field) -> bool:
    return isinstance(field, RowKey)


def _names(row: str | list[str] | tuple[str, ...]) -> list[str]:
    return [row] if isinstance(row, str) else list(row)


def _link_column(field: models.ForeignKey) -> Any:
    @admin.display(description=field.verbose_name, ordering=field.attname)
    def column(row: Mirror) -> object:
        related = getattr(row, field.name)
        if related is None:
            return markup.EMPTY
        try:
            return markup.link(detail_url(related), words.first_line(str(related), 80))
        except NoReverseMatch:
            return words.first_line(str(related), 80)

    return column


def _ago_column(field: models.Field) -> Any:
    @admin.display(description=field.verbose_name, ordering=field.name)
    def column(row: Mirror) -> object:
        return markup.moment(getattr(row, field.name))

    return column


def _exact_cell(field: models.Field) -> Any:
    @admin.display(description=field.verbose_name)
    def cell(row: Mirror) -> object:
        return markup.exact_moment(getattr(row, field.name))

    return cell


def _yes_or_no(field: models.Field) -> Any:
    # Not Django's green and red signs: "hidden: no" is nothing bad.
    @admin.display(description=field.verbose_name)
    def cell(row: Mirror) -> str:
        return "yes" if getattr(row, field.name) else "no"

    return cell


def _table_cell(field: models.Field) -> Any:
    @admin.display(description=field.verbose_name)
    def cell(row: Mirror) -> object:
        return markup.json_table(getattr(row, field.name))

    return cell
