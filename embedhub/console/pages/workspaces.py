"""Creating a workspace."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from embedhub.access import service
from embedhub.console import audit
from embedhub.console.pages.layout import TextField, add_reason, page
from embedhub.console.permissions import demand
from embedhub.errors import HubError


class WorkspaceForm(forms.Form):
    """What a new workspace is called."""

    slug = TextField(
        max_length=63,
        help_text="Its name in addresses and commands: lower-case letters, digits, - and _.",
    )
    name = TextField(
        max_length=200, required=False, help_text="How staff read it; empty means the slug."
    )


def new_workspace(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "create_workspace")
    form = WorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            workspace_id = service.create_workspace(**form.cleaned_data)
        except HubError as error:
            add_reason(form, error)
        else:
            slug = form.cleaned_data["slug"]
            audit.record(
                request,
                "create workspace",
                subject="workspace",
                subject_id=workspace_id,
                workspace_id=workspace_id,
                details={"slug": slug},
            )
            messages.success(request, f"Workspace {slug} is there. Next, give it an API key.")
            return redirect("admin:console_workspace_change", workspace_id)
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": "New workspace",
            "form": form,
            "submit": "Create workspace",
            "lead": "A workspace holds one tenant's keys, collections and documents. "
            "Nothing of it is visible to the keys of another.",
        },
    )
