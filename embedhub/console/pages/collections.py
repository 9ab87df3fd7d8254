"""Creating a collection."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from embedhub.access.caller import Caller
from embedhub.collections import service
from embedhub.collections.service import MAX_NAME_CHARS, CollectionInput, CollectionView
from embedhub.console import audit
from embedhub.console.pages.layout import (
    PickField,
    TextField,
    add_reason,
    page,
    workspace_choices,
)
from embedhub.console.permissions import demand, may
from embedhub.errors import HubError


class CollectionForm(forms.Form):
    """What a new collection is called, and what it is written in."""

    workspace = PickField()
    slug = TextField(
        max_length=63,
        help_text="Its name in addresses and commands: lower-case letters, digits, - and _.",
    )
    name = TextField(
        max_length=MAX_NAME_CHARS,
        required=False,
        help_text="How staff read it; empty means the slug.",
    )
    language = TextField(
        initial="english",
        help_text="Of most documents, such as english, german, de or zh. Words are reduced to"
        " their stems by it; it cannot be changed later.",
    )

    def __init__(self, *args: Any, workspace: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = workspace_choices(workspace)
        self.fields["workspace"] = PickField(choices=self.choices, initial=workspace)


def new_collection(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "create_collection")
    asked = request.POST.get("workspace") or request.GET.get("workspace", "")
    form = CollectionForm(request.POST or None, workspace=asked)
    if request.method == "POST" and form.is_valid():
        try:
            made = create(request, form)
        except HubError as error:
            add_reason(form, error)
        else:
            messages.success(request, f"Collection {made.slug} is there. Next, send it files.")
            if may(request, "upload_file"):
                return redirect(f"{reverse('admin:console_files')}?collection={made.id}")
            return redirect("admin:console_collection_changelist")
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": "New collection",
            "form": form,
            "submit": "Create collection",
            "lead": "A collection is a named set of documents that is searched together. It gets "
            "this server's default encoder and chunking; POST /v1/collections takes others.",
            "missing": None if form.choices else "workspace",
        },
    )


def create(request: HttpRequest, form: CollectionForm) -> CollectionView:
    """Return the collection that the form describes; raises what the service raises."""
    given = form.cleaned_data
    wanted = CollectionInput(
        slug=given["slug"], name=given["name"] or None, language=given["language"]
    )
    workspace_id = int(given["workspace"])
    made = service.create_collection(Caller.for_workspace(workspace_id), wanted)
    audit.record(
        request,
        "create collection",
        subject="collection",
        subject_id=made.id,
        workspace_id=workspace_id,
        details={"slug": made.slug, "language": made.language},
    )
    return made
