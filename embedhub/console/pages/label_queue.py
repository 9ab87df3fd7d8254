"""Giving labels from a queue, and deciding about likely label errors: a key for each answer."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from embedhub.console.pages.labels import PERMISSION, Of, change, find_set, record
from embedhub.console.pages.layout import page
from embedhub.console.permissions import demand, may
from embedhub.errors import Conflict, HubError
from embedhub.graph.service import Level
from embedhub.labels import service
from embedhub.labels.service import AskedView, ErrorView, GivenInput

SCRIPTED = "fetch"
ASKED, ERRORS = 20, 20
# As many labels have a key of their own.
KEYS = "123456789"
NONE, OTHER, LABEL = "none", "other", "label:"
CONFIRMED, DISMISSED, OPEN = "confirmed", "dismissed", "open"
MAX_ID = 2**63


@dataclass(frozen=True, slots=True)
class Answer:
    """A button: what it sends, its words, the key that presses it."""

    value: str
    words: str
    key: str


@dataclass(frozen=True, slots=True)
class Card:
    """A row with the answers there are."""

    view: Any
    ident: str
    answers: list[Answer]


def queue_page(request: HttpRequest, model_admin: Any, set_id: int) -> HttpResponse:
    """Show rows that are worth a label."""
    demand(request, "view_labelset")
    of = find_set(set_id)
    asked = service.queue(*of.asked, limit=ASKED)
    state = service.describe_set(*of.asked)
    context = {
        "title": f"Give labels: {of.row.name}",
        "back_url": of.url("set"),
        "of": of,
        "n_given": state.n_given,
        "cards": [Card(one, row_ident(one.row), answers_for(one, of)) for one in asked],
        "other_labels": names_of(of, state),
        "may_label": may(request, PERMISSION),
        "send_url": of.url("give"),
        "set_url": of.url("set"),
        "is_free": not of.row.labels or of.row.source == "field",
    }
    return page(request, model_admin, "console/label_queue.html", context)


def errors_page(request: HttpRequest, model_admin: Any, set_id: int) -> HttpResponse:
    """Show rows whose label is likely wrong."""
    demand(request, "view_labelset")
    of = find_set(set_id)
    views, following = service.list_errors(*of.asked, limit=ERRORS)
    state = service.describe_set(*of.asked)
    context = {
        "title": f"Likely label errors: {of.row.name}",
        "back_url": of.url("set"),
        "of": of,
        "is_more": following is not None,
        "n_open": state.n_open_errors,
        "has_classifier": state.live is not None and state.live.origin == "trained",
        "cards": [Card(view, str(view.id), answers_about(view)) for view in views],
        "may_label": may(request, PERMISSION),
        "send_url": of.url("decide"),
        "set_url": of.url("set"),
    }
    return page(request, model_admin, "console/label_errors.html", context)


def give(request: HttpRequest, set_id: int) -> HttpResponse:
    """Give one row a label, or take it back; answers in JSON to the page's script."""
    of = change(request, set_id)
    try:
        seen, choice, told = given(request, of)
    except HubError as error:
        return refused(request, of, error, "queue")
    record(request, "give label", of.row, labelled=request.POST.get("ident", ""), choice=choice)
    if is_scripted(request):
        n = service.describe_set(*of.asked).n_given
        return JsonResponse({"choice": choice, "seen": seen, "told": told, "n": n})
    messages.success(request, told)
    return redirect(of.url("queue"))


def decide(request: HttpRequest, set_id: int) -> HttpResponse:
    """Decide about one likely error, or take the decision back."""
    of = change(request, set_id)
    choice, seen = request.POST.get("choice", ""), number(request.POST.get("seen", ""))
    error_id = number(request.POST.get("ident", "")) or 0
    person = request.user.get_username()
    try:
        view = service.decide(*of.asked, error_id, decision=choice or OPEN, seen=seen, by=person)
    except HubError as error:
        return refused(request, of, error, "errors")
    record(request, "decide label error", of.row, error=error_id, decision=view.status)
    if is_scripted(request):
        n = service.describe_set(*of.asked).n_open_errors
        return JsonResponse(
            {"choice": choice, "seen": view.decision_id, "told": decision_words(view), "n": n}
        )
    messages.success(request, decision_words(view))
    return redirect(of.url("errors"))


def given(request: HttpRequest, of: Of) -> tuple[int | None, str, str]:
    """Carry out what a card's button asks for; return the label's id, the choice and words."""
    choice, seen = request.POST.get("choice", ""), number(request.POST.get("seen", ""))
    person = request.user.get_username()
    if not choice:
        if seen is None:
            raise Conflict("there is nothing to take back")
        service.undo(*of.asked, [seen], by=person)
        return None, "", "Taken back."
    label: str | None = request.POST.get("other", "").strip()
    if choice == NONE:
        label = None
    elif choice.startswith(LABEL):
        label = choice.removeprefix(LABEL)
    external_id, position = read_ident(request.POST.get("ident", ""), of.row.level)
    wanted = GivenInput(external_id, label, position, seen)
    outcome = service.give(*of.asked, [wanted], by=person)[0]
    words = "none of the labels" if label is None else f"“{outcome.label}”"
    return outcome.id, choice, f"{external_id}: {words}."


def answers_for(asked: AskedView, of: Of) -> list[Answer]:
    """Return the labels to choose from, the likeliest first; some have keys."""
    likely = [] if asked.prediction is None else asked.prediction.probabilities
    known = [one["name"] for one in of.row.labels]
    names = list(dict.fromkeys([*(one.label for one in likely), *known]))[: len(KEYS)]
    found = [Answer(LABEL + name, name, key) for name, key in zip(names, KEYS, strict=False)]
    return [*found, Answer(NONE, "None of these", "0")]


def answers_about(view: ErrorView) -> list[Answer]:
    """Return what can be decided about a likely error."""
    return [
        Answer(CONFIRMED, f"Correct it to {view.suggested}", "c"),
        Answer(DISMISSED, f"{view.label} is right", "d"),
    ]


def names_of(of: Of, state: Any) -> list[str]:
    """Return the labels that are known, for somebody who types one."""
    predicted = [] if state.live is None else state.live.labels
    listed = [one["name"] for one in of.row.labels]
    return sorted({*listed, *predicted, *state.given_by_label})


def decision_words(view: ErrorView) -> str:
    """Return what became of a likely error."""
    row = view.row.external_id
    if view.status == CONFIRMED:
        return f"{row}: corrected to “{view.suggested}”."
    if view.status == DISMISSED:
        return f"{row}: “{view.label}” stays."
    return f"{row}: open again."


def refused(request: HttpRequest, of: Of, error: HubError, name: str) -> HttpResponse:
    """Say why nothing was stored."""
    if is_scripted(request):
        return JsonResponse({"error": str(error)}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    messages.error(request, str(error))
    return redirect(of.url(name))


def row_ident(row: Any) -> str:
    """Return what forms name a row by."""
    return row.external_id if row.position is None else f"{row.position}:{row.external_id}"


def read_ident(ident: str, level: str) -> tuple[str, int | None]:
    """Return external id and position; the inverse of `row_ident`."""
    if level != Level.CHUNK:
        return ident, None
    position, _, external_id = ident.partition(":")
    return external_id, number(position)


def number(raw: str) -> int | None:
    """Return the id that a form sent; None for none."""
    found = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 20 else None
    return found if found is None or found < MAX_ID else None


def is_scripted(request: HttpRequest) -> bool:
    """Say whether the page's script asks, rather than the form itself."""
    return request.headers.get("X-Requested-With") == SCRIPTED
