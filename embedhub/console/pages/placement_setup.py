"""Placements in the console: set up, and deleted with their rules."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from embedhub.access.caller import Caller
from embedhub.console import models
from embedhub.console.pages.catalogs import catalog_choices
from embedhub.console.pages.layout import PickField, TextField, add_reason, page
from embedhub.console.pages.placements import DETAIL, PERMISSION, found, note, staff_name
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.recommend.rules import service

LIST = "admin:console_placement_changelist"
QUESTION = (
    "Its rules and all earlier ones are gone: lists of requests that name it are as the recommender"
    " makes them. What was shown and clicked there stays."
)


class PlacementForm(forms.Form):
    """Where the lists of a catalog are shown."""

    catalog = PickField()
    name = TextField(
        max_length=service.MAX_NAME_CHARS,
        help_text="As requests name it, such as home, cart or newsletter.",
    )

    def __init__(self, *args: Any, catalog: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = catalog_choices()
        self.fields["catalog"] = PickField(choices=self.choices, initial=catalog)


def new_placement(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, PERMISSION)
    form = PlacementForm(request.POST or None, catalog=request.GET.get("catalog", ""))
    if request.method == "POST" and form.is_valid():
        catalog: Any = models.Catalog.objects.get(pk=form.cleaned_data["catalog"])
        name = form.cleaned_data["name"]
        try:
            service.put_rules(
                Caller.for_workspace(catalog.workspace_id),
                catalog.slug,
                name,
                [],
                revision=0,
                by=staff_name(request),
            )
        except HubError as error:
            add_reason(form, error)
        else:
            row: Any = models.Placement.objects.get(catalog=catalog.pk, name=name)
            note(request, "set up placement", row, {})
            messages.success(request, f"“{name}” is set up. Add its first rule.")
            return redirect(DETAIL, row.pk)
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": "New placement",
            "form": form,
            "submit": "Set it up",
            "lead": "A placement is a place that shows lists. Requests name it, its rules hold for"
            " their next list, and clicks are counted for it.",
        },
    )


def delete_placement(request: HttpRequest, model_admin: Any, placement_id: int) -> HttpResponse:
    """Delete a placement's rules and what held before, after asking."""
    demand(request, PERMISSION)
    row = found(placement_id)
    if request.method != "POST":
        context = {
            "title": f"Delete it: “{row.name}”?",
            "question": QUESTION,
            "submit": "Delete it",
            "back": DETAIL,
            "back_id": row.pk,
        }
        return page(request, model_admin, "console/confirm.html", context)
    try:
        service.delete_placement(Caller.for_workspace(row.workspace_id), row.catalog.slug, row.name)
    except HubError as error:
        messages.error(request, str(error).capitalize() + ".")
        return redirect(DETAIL, row.pk)
    note(request, "delete placement", row, {"revision": row.revision})
    messages.success(request, f"“{row.name}” is deleted.")
    return redirect(LIST)
