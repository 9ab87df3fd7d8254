"""Pinning and hiding documents from the console, and taking it back."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme

from embedhub.access.caller import Caller
from embedhub.console import audit, models, words
from embedhub.console.pages.layout import (
    LongTextField,
    PickField,
    TextField,
    add_reason,
    page,
)
from embedhub.console.pages.search import collection_choices
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.search.ranking import curations
from embedhub.search.ranking.curated import MAX_QUERY_CHARS
from embedhub.search.ranking.curations import MAX_NOTE_CHARS, Action, CurationInput, CurationView

LIST = "admin:console_curation_changelist"
ACTIONS = [
    (Action.PIN.value, "pin it: it stands first"),
    (Action.HIDE.value, "hide it: it is not shown"),
]


class CurationForm(forms.Form):
    """Which document is pinned or hidden, and in which searches."""

    collection = PickField()
    external_id = TextField(label="Document", help_text="Its external id, in full.")
    action = PickField(choices=ACTIONS, initial=Action.PIN.value, label="What to do")
    query = TextField(
        required=False,
        max_length=MAX_QUERY_CHARS,
        label="In searches for",
        help_text="Case and spaces do not matter; empty means every search of the collection.",
    )
    position = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=curations.MAX_POSITION,
        label="Place of a pin",
        help_text="1 for the top; empty puts it behind the pins there are.",
        widget=TextField.widget,
    )
    note = LongTextField(
        required=False, max_length=MAX_NOTE_CHARS, help_text="Why, for those who come after."
    )

    def __init__(self, *args: Any, collection: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = collection_choices(collection)
        self.fields["collection"] = PickField(choices=self.choices, initial=collection)

    def wanted(self) -> CurationInput:
        """Return what the form describes."""
        given = self.cleaned_data
        return CurationInput(
            action=Action(given["action"]),
            external_id=given["external_id"],
            query=given["query"].strip() or None,
            position=given["position"],
            note=given["note"].strip(),
        )


def new_curation(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "curate_document")
    asked = request.POST.get("collection") or request.GET.get("collection", "")
    form = CurationForm(request.POST or None, collection=asked, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        try:
            curate(request, form)
        except HubError as error:
            add_reason(form, error)
        else:
            return _back(request)
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": "Pin or hide a document",
            "form": form,
            "submit": "Save",
            "lead": "It can be taken back at any time. Hiding only concerns searches: who may see "
            "the document can still open it.",
            "missing": None if form.choices else "collection",
        },
    )


def curate(request: HttpRequest, form: CurationForm) -> None:
    """Do what the form describes and offer to take it back; raises what the service raises."""
    row: Any = models.Collection.objects.get(pk=form.cleaned_data["collection"])
    caller = Caller.for_workspace(row.workspace_id)
    made = curations.add_curation(caller, row.slug, form.wanted(), by=_staff(request))
    _note(request, f"{made.action} document", made, row)
    text = f"“{made.external_id}” is {_done(made)} in {_where(made)}."
    _offer(request, text, "undo", made.id)


def undo(request: HttpRequest, curation_id: int) -> HttpResponse:
    """Take a decision back, and offer to put it back."""
    return _step(request, curation_id, "take back", curations.remove_curation)


def redo(request: HttpRequest, curation_id: int) -> HttpResponse:
    """Put a decision back in force, and offer to take it back."""
    return _step(request, curation_id, "put back", curations.restore_curation)


def _step(
    request: HttpRequest, curation_id: int, name: str, take: Callable[..., CurationView]
) -> HttpResponse:
    """Carry out a step back or forward, and offer the other one."""
    demand(request, "curate_document")
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row, caller = _found(curation_id)
    try:
        view = take(caller, row.collection.slug, curation_id, by=_staff(request))
    except HubError as error:
        messages.error(request, str(error))
        return _back(request)
    _note(request, name, view, row.collection)
    if name == "take back":
        text = f"“{view.external_id}” ranks as any other again in {_where(view)}."
        _offer(request, text, "redo", curation_id)
    else:
        text = f"“{view.external_id}” is {_done(view)} again in {_where(view)}."
        _offer(request, text, "undo", curation_id)
    return _back(request)


def _found(curation_id: int) -> tuple[Any, Caller]:
    rows: Any = models.Curation.objects.select_related("collection")
    row = rows.filter(pk=curation_id, collection__deleted_at=None).first()
    if row is None:
        raise Http404
    return row, Caller.for_workspace(row.workspace_id)


def _offer(request: HttpRequest, text: str, step: str, curation_id: int) -> None:
    """Say what was done, with a button that undoes it."""
    messages.success(
        request,
        format_html(
            '{} <form method="post" action="{}" class="eh-inline">'
            '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
            '<input type="hidden" name="next" value="{}">'
            '<button type="submit" class="eh-link">{}</button></form>',
            text,
            reverse(f"admin:console_curation_{step}", args=[curation_id]),
            get_token(request),
            _next(request) or "",
            "Undo" if step == "undo" else "Put it back",
        ),
    )


def _back(request: HttpRequest) -> HttpResponse:
    return redirect(_next(request) or reverse(LIST))


def _next(request: HttpRequest) -> str | None:
    """Return the page of this server that the staff member came from, if it is said."""
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()})
    return asked if is_ours else None


def _done(view: CurationView) -> str:
    return words.CURATION_WORDS[view.action.value]


def _where(view: CurationView) -> str:
    return "every search" if view.query is None else f"searches for “{view.query}”"


def _staff(request: HttpRequest) -> str:
    return f"staff {request.user.get_username()}"


def _note(request: HttpRequest, action: str, view: CurationView, collection: Any) -> None:
    audit.record(
        request,
        action,
        subject="pinned or hidden document",
        subject_id=view.id,
        workspace_id=collection.workspace_id,
        details={
            "collection": collection.slug,
            "document": view.external_id,
            "action": view.action.value,
            "query": view.query,
        },
    )
