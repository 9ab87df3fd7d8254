"""What the console's own pages share: the frame around them, forms that look like the rest."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from embedhub.console import models
from embedhub.errors import HubError

# A list longer than this is no help to anybody: other rows are reached from their own page.
MAX_CHOICES = 500


class TextField(forms.CharField):
    """One line of text."""

    widget = UnfoldAdminTextInputWidget


class LongTextField(forms.CharField):
    """Several lines of text."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})


class PickField(forms.ChoiceField):
    """One of a few values."""

    widget = UnfoldAdminSelectWidget


class PickManyField(forms.MultipleChoiceField):
    """Some of a few values, with a box each."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget


def page(
    request: HttpRequest, model_admin: Any, template: str, context: Mapping[str, Any]
) -> HttpResponse:
    """Return a page in the admin's frame."""
    meta = model_admin.model._meta
    return TemplateResponse(
        request,
        template,
        {
            **model_admin.admin_site.each_context(request),
            "back_url": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"),
            **context,
        },
    )


def add_reason(form: forms.Form, error: HubError) -> None:
    """Show why a service refused, beside the field it complains about."""
    parts = (getattr(error, "field", None) or "").split(".")
    # A form of one setting's parts has fields for the parts.
    name = next((part for part in (parts[0], parts[-1]) if part in form.fields), None)
    form.add_error(name, getattr(error, "message", str(error)))


def workspace_choices(always: str = "") -> list[tuple[str, str]]:
    """Return workspaces to choose from by id, the one asked for among them."""
    rows = models.Workspace.objects.order_by("slug").values_list("id", "slug")
    choices = [(str(ident), slug) for ident, slug in rows[:MAX_CHOICES]]
    if always.isdigit() and always not in {ident for ident, _ in choices}:
        choices += [(str(ident), slug) for ident, slug in rows.filter(pk=int(always))]
    return choices
