"""Judging: a query, its hits without scores, and a key for each grade."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString

from embedhub.access.caller import Caller
from embedhub.console import audit, models
from embedhub.console.pages.hits import marked
from embedhub.console.pages.layout import PickField, TextField, add_reason, page
from embedhub.console.pages.search import collection_choices
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.evaluation import service
from embedhub.search.request import Hit, Mode, SearchRequest
from embedhub.search.service import search

PERMISSION = "judge_judgedquery"
HITS_OF_A_MODE = 10
MAX_HITS = 20
N_SUGGESTED = 12
# The key that gives a grade, the grade, and its words.
GRADES = ((0, "Not relevant"), (1, "Somewhat"), (2, "Relevant"), (3, "Exactly this"))
SCRIPTED = "fetch"


class JudgingForm(forms.Form):
    """Which query to judge, and where."""

    collection = PickField()
    q = TextField(label="Query")

    def __init__(self, *args: Any, collection: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = collection_choices(collection)
        self.fields["collection"] = PickField(choices=self.choices, initial=collection)
        self.fields["q"].widget.attrs |= {
            "data-slash": "",
            "type": "search",
            "placeholder": "What somebody would ask; / comes back here",
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """A hit to be judged; `grade` is None while it is not."""

    hit: Hit
    title: str
    passage: SafeString
    grade: int | None


def judging_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, PERMISSION)
    asked = request.GET.get("collection", "")
    form = JudgingForm(request.GET if "q" in request.GET else None, collection=asked)
    row = chosen_collection(asked, form.choices)
    context: dict[str, Any] = {
        "title": "Judge hits",
        "form": form,
        "grades": GRADES,
        "row": row,
    }
    if row is not None:
        caller = Caller.for_workspace(row.workspace_id)
        try:
            query = form.cleaned_data["q"].strip() if form.is_bound and form.is_valid() else ""
            context |= progress_of(caller, row, query)
            if query:
                context |= answer(caller, row.slug, query)
        except HubError as error:
            add_reason(form, error)
    return page(request, model_admin, "console/judging.html", context)


def judge(request: HttpRequest) -> HttpResponse:
    """Store one grade, or take it back; answers in JSON to the page's script, else leads back."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return redirect("admin:console_judge")
    row = chosen_collection(request.POST.get("collection", ""), [])
    if row is None:
        raise Http404
    query, document = request.POST.get("q", "").strip(), request.POST.get("external_id", "")
    raw = request.POST.get("relevance", "")
    grade = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 4 else None
    is_scripted = request.headers.get("X-Requested-With") == SCRIPTED
    caller = Caller.for_workspace(row.workspace_id)
    try:
        state = service.judge(
            caller, row.slug, query, {document: grade}, judged_by=request.user.get_username()
        )
    except HubError as error:
        if is_scripted:
            return JsonResponse({"error": str(error)}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        messages.error(request, str(error))
    else:
        audit.record(
            request,
            "judge hit",
            subject="collection",
            subject_id=row.pk,
            workspace_id=row.workspace_id,
            details={"query": query, "document": document, "relevance": grade},
        )
        if is_scripted:
            found = {"relevance": state.relevance.get(document), "n_queries": state.n_queries}
            return JsonResponse(found)
    number = request.POST.get("number", "")
    mark = f"#hit-{number}" if number.isdigit() else ""
    address = f"{reverse('admin:console_judge')}?{urlencode({'collection': row.pk, 'q': query})}"
    return redirect(address + mark)


def answer(caller: Caller, slug: str, query: str) -> dict[str, Any]:
    """Return the hits of a query with what is judged of them."""
    state = service.judged_state(caller, slug, query)
    return {
        "query": query,
        "candidates": [
            Candidate(
                hit=hit,
                title=hit.document.title or hit.document.external_id,
                passage=marked(hit.chunk.text, hit.highlights, hit.sentence),
                grade=state.relevance.get(hit.document.external_id),
            )
            for hit in pooled_hits(caller, slug, query)
        ],
    }


def pooled_hits(caller: Caller, slug: str, query: str) -> list[Hit]:
    """Return the first hits by both legs and by each alone, one a document, taken in turn.

    Judging only what the live setting shows would leave others without a chance to be right.
    """
    lists = [found for mode in Mode if (found := _hits(caller, slug, query, mode)) is not None]
    if not lists:
        raise HubError("this collection cannot be searched now")
    return interleaved(lists, MAX_HITS)


def interleaved(lists: Sequence[Sequence[Hit]], at_most: int) -> list[Hit]:
    """Return the lists' hits taken in turn, each document once."""
    found: dict[int, Hit] = {}
    for place in range(max(len(hits) for hits in lists)):
        for hits in lists:
            if place < len(hits):
                found.setdefault(hits[place].document.id, hits[place])
    return list(found.values())[:at_most]


def progress_of(caller: Caller, row: Any, query: str) -> dict[str, Any]:
    """Return how many queries can be measured, and what to judge next."""
    unjudged = [
        one.query
        for one in service.list_judged(caller, row.slug, limit=200)
        if not one.n_judgments and one.query != query
    ]
    asked = service.frequent_queries(caller, row.slug, limit=N_SUGGESTED)
    suggested = list(dict.fromkeys([*unjudged, *(one for one in asked if one != query)]))
    base = reverse("admin:console_judge")
    return {
        "n_queries": service.judged_state(caller, row.slug, query).n_queries,
        "suggested": [
            (one, f"{base}?{urlencode({'collection': row.pk, 'q': one})}")
            for one in suggested[:N_SUGGESTED]
        ],
    }


def chosen_collection(asked: str, choices: Sequence[Any]) -> Any:
    """Return the collection asked for, else the only one there is; None if it is to be chosen."""
    rows: Any = models.Collection.objects.filter(deleted_at__isnull=True)
    if asked.isascii() and asked.isdigit():
        return rows.filter(pk=int(asked)).first()
    idents = [ident for _, group in choices for ident, _ in group]
    return rows.filter(pk=int(idents[0])).first() if len(idents) == 1 else None


def _hits(caller: Caller, slug: str, query: str, mode: Mode) -> list[Hit] | None:
    try:
        asked = SearchRequest(query=query, mode=mode, limit=HITS_OF_A_MODE)
        return list(search(caller, slug, asked, is_counted=False).hits)
    except HubError:
        # A collection without vectors is searched by words alone.
        if mode is Mode.DENSE:
            return None
        raise
