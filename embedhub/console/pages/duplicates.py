"""Duplicates of a collection or catalog: the next pair side by side, and what thresholds take."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

from embedhub.console import audit, words
from embedhub.console.pages import runs
from embedhub.console.pages.analysis import (
    KINDS,
    Chosen,
    find_chosen,
    latest_run,
    list_owners,
)
from embedhub.console.pages.layout import page
from embedhub.console.permissions import demand, may
from embedhub.duplicates import service
from embedhub.duplicates.service import Action, PairFilter, PairView, Wanted, Where
from embedhub.duplicates.word_diff import Piece, word_diff
from embedhub.errors import HubError, NotFound
from embedhub.graph.subject import LEVELS
from embedhub.runs.kinds import UNFINISHED

HERE = "admin:console_duplicates"
PERMISSION = "decide_duplicatepair"
SCAN_KINDS = ("scan_duplicates", "compare_collections")
# Which pairs a queue shows: the name, its words, and how they are found.
QUEUES = (
    ("review", "To be asked about", PairFilter(status="open", is_automatic=False)),
    ("automatic", "Taken by themselves", PairFilter(status="open", is_automatic=True)),
    ("confirmed", "Confirmed", PairFilter(status="confirmed")),
    ("dismissed", "Dismissed", PairFilter(status="dismissed")),
)
# What is decided, its words, the key that does it, and which row stays.
CHOICES = (
    (Action.LINK, "Duplicates", "D", ""),
    (Action.HIDE, "Hide the right one", "H", "left"),
    (Action.HIDE, "Hide the left one", "G", "right"),
    (Action.MERGE, "Merge into the left one", "M", "left"),
    (Action.NOT_DUPLICATE, "Not duplicates", "N", ""),
)
LISTED = 30


@dataclass(frozen=True, slots=True)
class Side:
    """One row of a pair: its name, where it leads, and its text in pieces."""

    external_id: str
    title: str
    source: str | None
    url: str
    pieces: list[Piece]


def duplicates_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "view_duplicatepair")
    chosen = find_chosen(request.GET)
    if chosen is None:
        owners = [
            {**one, "url": reverse(HERE) + Chosen(owner_of(one["kind"]), one["row"]).query}
            for one in list_owners(request)
        ]
        return page(request, model_admin, "console/duplicates.html",
                    {"title": "Duplicates", "owners": owners})  # fmt: skip
    return page(request, model_admin, "console/duplicates.html", detail(request, chosen))


def owner_of(kind: str) -> Any:
    """Return the kind of owner that goes by this word."""
    return next(owner for owner, name in KINDS.items() if name == kind)


def detail(request: HttpRequest, chosen: Chosen) -> dict[str, Any]:
    """Return what the page shows of one collection or catalog."""
    where = where_of(chosen, request.GET)
    name = request.GET.get("queue", "review")
    queue = next((one for one in QUEUES if one[0] == name), QUEUES[0])
    run = latest_run(chosen, SCAN_KINDS)
    context: dict[str, Any] = {
        "title": f"Duplicates of {chosen.row.slug}",
        "chosen": chosen,
        "kind": KINDS[chosen.owner],
        "level": where.level,
        "levels": [(one.value, words.LEVEL_WORDS[one.value]) for one in LEVELS[chosen.owner]],
        "queue": queue[0],
        "tabs": [(n, title, address(chosen, where, queue=n)) for n, title, _ in QUEUES],
        "thresholds_url": address(chosen, where, "thresholds"),
        "may_decide": may(request, PERMISSION),
        "run": run,
        "run_status": "" if run is None else runs.status_of(run),
        "run_progress": "" if run is None else runs.progress_of(run),
        "is_running": run is not None and run.status in UNFINISHED,
        "choices": CHOICES,
        "undo": undo_of(chosen, where, request.GET.get("done", "")),
        "next_from": request.GET.get("from", ""),
    }
    return context | next_pair(chosen, where, queue[2], request.GET)


def where_of(chosen: Chosen, given: Any) -> Where:
    """Return whose rows are meant; a level that there is not is the first."""
    levels = [one.value for one in LEVELS[chosen.owner]]
    asked = given.get("level", "")
    return Where(chosen.owner, chosen.row.slug, asked if asked in levels else levels[0])


def address(chosen: Chosen, where: Where, part: str = "", **more: Any) -> str:
    """Return the address of a page about these rows."""
    name = f"{HERE}_{part}" if part else HERE
    query = {KINDS[chosen.owner]: chosen.row.pk, "level": where.level, **more}
    return f"{reverse(name)}?{urlencode(query)}"


def next_pair(chosen: Chosen, where: Where, wanted: PairFilter, given: Any) -> dict[str, Any]:
    """Return the pair that is asked for, else the next one of the queue, with those after it."""
    place = place_of(given.get("from", ""))
    views = service.list_pairs(chosen.caller, where, wanted, after=place, limit=LISTED)
    asked = given.get("pair", "")
    if asked.isdecimal():
        try:
            views = [service.get_pair(chosen.caller, where, int(asked)), *views]
        except NotFound:
            raise Http404 from None
    if not views:
        return {"pair": None, "has_any": place is not None}
    pair = views[0]
    left, right = word_diff(text_of(pair, "left"), text_of(pair, "right"))
    return {
        "pair": pair,
        "kind_words": words.DUPLICATE_KIND_WORDS[pair.kind],
        "status_words": words.FINDING_STATUS_WORDS[pair.status],
        "action_words": words.DUPLICATE_ACTION_WORDS,
        "sides": [side_of(pair, "left", left), side_of(pair, "right", right)],
        "parts": parts_of(pair),
        "after": f"{pair.score!r}:{pair.id}",
        "n_more": len(views) - 1,
    }


def place_of(asked: str) -> tuple[float, int] | None:
    """Return where a queue goes on, None for its beginning."""
    score, _, pair_id = asked.partition(":")
    try:
        return (float(score), int(pair_id)) if pair_id else None
    except ValueError:
        return None


def text_of(pair: PairView, side: str) -> str:
    node = getattr(pair, side)
    return f"{node.title}\n{node.text}" if node.title not in node.text[:500] else node.text


def side_of(pair: PairView, name: str, pieces: list[Piece]) -> Side:
    node = getattr(pair, name)
    table, ident = ("item", node.id) if node.document_id is None else ("document", node.document_id)
    return Side(
        external_id=node.external_id,
        title=node.title or node.external_id,
        source=node.source,
        url=reverse(f"admin:console_{table}_change", args=[ident]),
        pieces=pieces,
    )


def parts_of(pair: PairView) -> list[dict[str, Any]]:
    """Return the parts of a score with the widths of their bars, in percents of the largest."""
    largest = max((abs(part["share"]) for part in pair.parts), default=0.0) or 1.0
    return [
        {**part, "width": round(100 * abs(part["share"]) / largest), "is_for": part["share"] >= 0}
        for part in pair.parts
    ]


def undo_of(chosen: Chosen, where: Where, asked: str) -> PairView | None:
    """Return the pair that was just decided, while that can be taken back."""
    if not asked.isdecimal():
        return None
    try:
        pair = service.get_pair(chosen.caller, where, int(asked))
    except NotFound:
        return None
    return pair if pair.decision is not None else None


def decide(request: HttpRequest) -> HttpResponse:
    """Store a decision about one pair, or take it back, and go on to the next."""
    chosen, where = posted(request)
    pair_id, seen = request.POST.get("pair", ""), request.POST.get("seen", "")
    action, _, side = request.POST.get("action", "").partition(":")
    if not pair_id.isdecimal() or action not in list(Action):
        raise Http404
    more: dict[str, Any] = {"queue": request.POST.get("queue", "review")}
    try:
        keep = None
        if side in {"left", "right"}:
            keep = getattr(service.get_pair(chosen.caller, where, int(pair_id)), side).external_id
        wanted = Wanted(Action(action), keep, seen=int(seen) if seen.isdecimal() else None)
        by = f"staff {request.user.get_username()}"
        made = service.decide_pair(chosen.caller, where, int(pair_id), wanted, by=by)
    except HubError as error:
        messages.error(request, str(error))
        return redirect(address(chosen, where, **more, pair=pair_id))
    note(request, chosen, f"{action} duplicates", {"pair": int(pair_id), "decision": made.id})
    if action == Action.UNDO:
        messages.success(request, "Taken back.")
        return redirect(address(chosen, where, **more, pair=pair_id))
    if request.POST.get("from"):
        more["from"] = request.POST["from"]
    return redirect(address(chosen, where, **more, done=pair_id))


def posted(request: HttpRequest) -> tuple[Chosen, Where]:
    """Return whose rows a form is about; raises Http404, PermissionDenied."""
    demand(request, PERMISSION)
    chosen = find_chosen(request.POST)
    if request.method != "POST" or chosen is None:
        raise Http404
    return chosen, where_of(chosen, request.POST)


def start(request: HttpRequest) -> HttpResponse:
    """Start a scan, with another threshold if one is given."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    chosen, where = posted(request)
    asked = request.POST.get("automatic", "")
    try:
        wanted = {"automatic": float(asked)} if asked else {}
        run_id = service.start_scan(chosen.caller, where, wanted)
    except ValueError:
        messages.error(request, "The threshold must be a number.")
    except HubError as error:
        messages.error(request, str(error))
    else:
        note(request, chosen, "scan duplicates", {"run_id": run_id})
        messages.success(request, "The scan has begun. Its progress is shown below.")
    return redirect(address(chosen, where))


def note(request: HttpRequest, chosen: Chosen, action: str, details: dict[str, Any]) -> None:
    audit.record(
        request,
        action,
        subject=KINDS[chosen.owner],
        subject_id=chosen.row.pk,
        workspace_id=chosen.row.workspace_id,
        details=details,
    )
