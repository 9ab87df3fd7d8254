"""Creating an API key, shown once, and revoking one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables

from embedhub.access import service
from embedhub.access.service import ApiKeyView
from embedhub.console import audit, models
from embedhub.console.pages.layout import (
    LongTextField,
    PickField,
    PickManyField,
    TextField,
    add_reason,
    page,
    workspace_choices,
)
from embedhub.console.permissions import demand
from embedhub.errors import HubError, InvalidInput

SCOPES = [
    ("read", "read: search, get and list documents"),
    ("write", "write: also add, change and delete documents"),
    ("admin", "admin: also create and delete collections and keys"),
]
LIFETIMES = [("", "never"), ("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year")]


class KeyForm(forms.Form):
    """What a new key opens, and for how long."""

    workspace = PickField()
    name = TextField(max_length=200, help_text="Who or what will use it, such as “shop search”.")
    scopes = PickManyField(choices=SCOPES, initial=["read"], label="It may")
    expires = PickField(choices=LIFETIMES, required=False, label="It expires")
    collections = TextField(
        required=False,
        label="Only these collections",
        help_text="Slugs, separated by commas; empty means every collection of the workspace.",
    )
    principals = LongTextField(
        required=False,
        label="Only what these principals may see",
        help_text="One a line, such as group:sales; empty means every document.",
    )

    def __init__(self, *args: Any, workspace: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = workspace_choices(workspace)
        self.fields["workspace"] = PickField(choices=self.choices, initial=workspace)

    def expires_at(self) -> datetime | None:
        """Return when the key ends, None if never."""
        days = self.cleaned_data["expires"]
        return datetime.now(UTC) + timedelta(days=int(days)) if days else None

    def principal_list(self) -> list[str] | None:
        """Return the principals, None when the key is not bound to any."""
        lines = [line.strip() for line in self.cleaned_data["principals"].splitlines()]
        return [line for line in lines if line] or None

    def collection_ids(self) -> list[int] | None:
        """Return the ids of the collections named; raises InvalidInput for an unknown one."""
        named = self.cleaned_data["collections"].split(",")
        slugs = {slug.strip() for slug in named if slug.strip()}
        if not slugs:
            return None
        found = dict(
            models.Collection.objects.filter(
                workspace=self.cleaned_data["workspace"], slug__in=slugs, deleted_at=None
            ).values_list("slug", "id")
        )
        if missing := sorted(slugs - found.keys()):
            raise InvalidInput(f"not in this workspace: {', '.join(missing)}", "collections")
        return sorted(found.values())


@sensitive_variables("secret")
def new_key(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "issue_apikey")
    asked = request.POST.get("workspace") or request.GET.get("workspace", "")
    form = KeyForm(request.POST or None, workspace=asked)
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = create(form)
        except HubError as error:
            add_reason(form, error)
        else:
            note(request, "create API key", key)
            return shown_once(request, model_admin, key, secret)
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": "New API key",
            "form": form,
            "submit": "Create key",
            "lead": "The key itself is shown once, right after it is made. Only a fingerprint of "
            "it is kept.",
            "missing": None if form.choices else "workspace",
        },
    )


def create(form: KeyForm) -> tuple[ApiKeyView, str]:
    """Return the key that the form describes, with its secret; raises what the service raises."""
    return service.create_key(
        int(form.cleaned_data["workspace"]),
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        collection_ids=form.collection_ids(),
        principals=form.principal_list(),
        expires_at=form.expires_at(),
    )


@sensitive_variables("secret")
def shown_once(
    request: HttpRequest, model_admin: Any, key: ApiKeyView, secret: str
) -> HttpResponse:
    # The secret goes into this answer and nowhere else: no session, no message, no cache.
    response = page(
        request,
        model_admin,
        "console/key_made.html",
        {
            "title": "Your new API key",
            "key": key,
            "secret": secret,
            "base_url": request.build_absolute_uri("/v1"),
        },
    )
    response["Cache-Control"] = "no-store"
    return response


def revoke(request: HttpRequest, model_admin: Any, key_id: int) -> HttpResponse:
    demand(request, "revoke_apikey")
    row: Any = models.ApiKey.objects.filter(pk=key_id).first()
    if row is None:
        raise Http404
    if request.method == "POST":
        key = service.revoke_key(row.workspace_id, key_id)
        note(request, "revoke API key", key)
        messages.success(request, f"Key {key.name} ({key.prefix}…) opens nothing any more.")
        return redirect("admin:console_apikey_change", key_id)
    return page(
        request,
        model_admin,
        "console/confirm.html",
        {
            "title": f"Revoke key {row.name}?",
            "question": f"Programs that use the key {row.prefix}… will be refused from now on. "
            "A revoked key cannot be brought back; create a new one instead.",
            "submit": "Revoke this key",
            "back": "admin:console_apikey_change",
            "back_id": key_id,
        },
    )


def note(request: HttpRequest, action: str, key: ApiKeyView) -> None:
    """Write the change to the staff audit, without anything secret."""
    audit.record(
        request,
        action,
        subject="API key",
        subject_id=key.id,
        workspace_id=key.workspace_id,
        details={"name": key.name, "prefix": key.prefix, "scopes": list(key.scopes)},
    )
