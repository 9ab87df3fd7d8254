"""Searching from the console: one form, the hits, and where every score comes from."""

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from embedhub.access.caller import Caller
from embedhub.access.service import check_principals
from embedhub.console import models
from embedhub.console.pages.hits import ShownHit, shown_hits, shown_legs, shown_took
from embedhub.console.pages.layout import (
    MAX_CHOICES,
    PickField,
    TextField,
    add_reason,
    page,
)
from embedhub.console.permissions import demand, may
from embedhub.errors import HubError
from embedhub.search.ranking.curated import MAX_QUERY_CHARS
from embedhub.search.request import Mode, SearchRequest, SearchResult
from embedhub.search.service import search

MODES = [
    (Mode.HYBRID.value, "meaning and words"),
    (Mode.DENSE.value, "meaning only"),
    (Mode.LEXICAL.value, "words only"),
]
HITS_A_PAGE = 10


class SearchForm(forms.Form):
    """What to look for, and where."""

    collection = PickField()
    q = TextField(label="Query", required=False)
    mode = PickField(choices=MODES, initial=Mode.HYBRID.value, required=False, label="Rank by")
    filter = TextField(
        required=False, help_text='JSON, such as {"lang": "en", "year": {"$gte": 2020}}'
    )
    principals = TextField(
        required=False,
        label="As principals",
        help_text="Separated by commas; empty sees every document.",
    )
    cursor = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, collection: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = collection_choices(collection)
        self.fields["collection"] = PickField(choices=self.choices, initial=collection)
        self.fields["q"].widget.attrs |= {
            "data-slash": "",
            "autofocus": True,
            "type": "search",
            "placeholder": "Press / to come back here",
        }

    def clean_filter(self) -> Any:
        raw = self.cleaned_data["filter"].strip()
        if not raw:
            return None
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}") from error

    def clean_principals(self) -> tuple[str, ...] | None:
        names = [name.strip() for name in self.cleaned_data["principals"].split(",")]
        names = [name for name in names if name]
        try:
            check_principals(names)
        except HubError as error:
            raise forms.ValidationError(str(error)) from error
        return tuple(names) or None

    def request(self) -> SearchRequest:
        """Return the search that the form describes."""
        given = self.cleaned_data
        return SearchRequest(
            query=given["q"],
            mode=Mode(given["mode"] or Mode.HYBRID),
            limit=HITS_A_PAGE,
            filter=given["filter"],
            principals=given["principals"],
            cursor=given["cursor"] or None,
            explain=True,
        )


def search_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "view_document")
    asked = request.GET.get("collection", "")
    is_asked = "q" in request.GET
    form = SearchForm(request.GET if is_asked else None, collection=asked)
    context: dict[str, Any] = {"title": "Search", "form": form}
    if is_asked and form.is_valid() and form.cleaned_data["q"].strip():
        try:
            result = carry_out(form)
        except HubError as error:
            add_reason(form, error)
        else:
            context |= answer(request, result, Mode(form.cleaned_data["mode"] or Mode.HYBRID))
    elif is_asked and form.is_valid():
        form.add_error("q", "Type what to look for.")
    return page(request, model_admin, "console/search.html", context)


def carry_out(form: SearchForm) -> SearchResult:
    """Return the answer of the search service; raises what it raises."""
    row: Any = models.Collection.objects.get(pk=form.cleaned_data["collection"])
    return search(Caller.for_workspace(row.workspace_id), row.slug, form.request())


def answer(request: HttpRequest, result: SearchResult, mode: Mode) -> dict[str, Any]:
    """Return what the template shows of an answer."""
    hits: list[ShownHit] = shown_hits(result.hits, mode)
    following = request.GET.copy()
    following["cursor"] = result.cursor or ""
    return {
        "curating": curating(request),
        "result": result,
        "hits": hits,
        "legs": shown_legs(result.legs),
        "took": shown_took(result.took),
        "next_page": f"?{following.urlencode()}" if result.cursor else None,
        "is_later_page": bool(request.GET.get("cursor")),
    }


def curating(request: HttpRequest) -> dict[str, str] | None:
    """Return what pinning and hiding a hit for this query needs; None for who may not."""
    query = request.GET["q"].strip()
    if not may(request, "curate_document") or len(query) > MAX_QUERY_CHARS:
        return None
    return {
        "action": reverse("admin:console_curation_new_curation"),
        "collection": request.GET["collection"],
        "query": query,
    }


def collection_choices(always: str) -> list[tuple[str, Any]]:
    """Return the collections to choose from, by workspace, the one asked for among them."""
    rows: Any = models.Collection.objects.filter(deleted_at=None).select_related("workspace")
    found = list(rows.order_by("workspace__slug", "slug")[:MAX_CHOICES])
    if always.isdigit() and int(always) not in {row.pk for row in found}:
        found += list(rows.filter(pk=int(always)))
    groups: dict[str, list[tuple[str, str]]] = {}
    for row in found:
        groups.setdefault(row.workspace.slug, []).append((str(row.pk), row.slug))
    return list(groups.items())
