"""The queue of rows that stand out: why, beside usual rows, with a key for each decision."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from embedhub.anomalies import service
from embedhub.console import audit, words
from embedhub.console.pages import runs
from embedhub.console.pages.analysis import (
    KINDS,
    Chosen,
    find_chosen,
    latest_run,
    list_owners,
)
from embedhub.console.pages.anomaly_cards import (
    DONE,
    SettingForm,
    figures_of,
    initial_of,
    name_of,
    shown,
)
from embedhub.console.pages.layout import add_reason, page
from embedhub.console.permissions import demand, may
from embedhub.errors import HubError
from embedhub.graph.subject import LEVELS
from embedhub.runs.kinds import UNFINISHED, RunKind

HERE = "admin:console_anomalies"
PERMISSION = "decide_anomalyflag"
SHOWN_FLAGS = 20
SCRIPTED = "fetch"
STATUSES = [("open", "Open"), ("confirmed", "Confirmed"), ("dismissed", "Accepted as usual")]
DECISIONS = (("accept", "Accept", "A"), ("confirm", "Confirm", "C"))


def anomalies_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the queue of what was chosen, or what there is to choose from."""
    demand(request, "view_anomalyflag")
    chosen = find_chosen(request.GET)
    if chosen is None:
        context = {"title": "Anomalies", "owners": list_owners(request), "here": reverse(HERE)}
    else:
        context = detail(request, chosen)
    return page(request, model_admin, "console/anomalies.html", context)


def detail(request: HttpRequest, chosen: Chosen, form: SettingForm | None = None) -> dict[str, Any]:
    """Return what the page shows of one collection or catalog."""
    level = level_of(chosen, request.GET.get("level", "") or request.POST.get("level", ""))
    asked = request.GET.get("status", "")
    status = asked if asked in dict(STATUSES) else "open"
    place = (chosen.caller, chosen.owner, chosen.row.slug)
    state = service.describe(*place, level=level)
    found = service.list_flags(*place, level=level, status=status, limit=SHOWN_FLAGS + 1)
    run = latest_run(chosen, [RunKind.SCAN_ANOMALIES.value])
    is_running = run is not None and run.status in UNFINISHED
    return {
        "title": f"Anomalies of {chosen.row.slug}",
        "chosen": chosen,
        "kind": KINDS[chosen.owner],
        "level": level,
        "levels": [(each.value, words.LEVEL_WORDS[each.value]) for each in LEVELS[chosen.owner]],
        "state": state,
        "figures": figures_of(state),
        "status": status,
        "tabs": [
            (name, title, state.counts[name], address(chosen, level, status=name))
            for name, title in STATUSES
        ],
        "flags": [shown(one, chosen) for one in found[:SHOWN_FLAGS]],
        "n_more": state.counts[status] - SHOWN_FLAGS if len(found) > SHOWN_FLAGS else 0,
        "decisions": DECISIONS,
        "run": run,
        "run_status": runs.status_of(run) if run is not None else "",
        "run_progress": runs.progress_of(run) if run is not None else "",
        "is_running": is_running,
        "may_decide": may(request, PERMISSION),
        "form": form or SettingForm(initial=initial_of(state)),
        "analysis_url": reverse("admin:console_analysis") + chosen.query,
    }


def level_of(chosen: Chosen, asked: str) -> str:
    """Return the level that is asked for; one that there is not is the first."""
    levels = [each.value for each in LEVELS[chosen.owner]]
    return asked if asked in levels else levels[0]


def address(chosen: Chosen, level: str, **more: object) -> str:
    """Return the address of the page about these rows."""
    query = {KINDS[chosen.owner]: chosen.row.pk, "level": level, **more}
    return f"{reverse(HERE)}?{urlencode(query)}"


def decide(request: HttpRequest) -> HttpResponse:
    """Store a decision, or take one back; JSON for the page's script, else leads back."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    demand(request, PERMISSION)
    chosen = find_chosen(request.POST)
    flag_id, seen = request.POST.get("flag", ""), request.POST.get("seen", "")
    if chosen is None or not flag_id.isdecimal():
        raise Http404
    decision = request.POST.get("decision", "")
    is_scripted = request.headers.get("X-Requested-With") == SCRIPTED
    level = level_of(chosen, request.POST.get("level", ""))
    status = request.POST.get("status", "open")
    back = redirect(address(chosen, level, status=status))
    try:
        flag = service.decide(
            chosen.caller,
            chosen.owner,
            chosen.row.slug,
            int(flag_id),
            decision,
            seen=int(seen) if seen.isdecimal() else None,
            by=request.user.get_username(),
        )
    except HubError as error:
        if is_scripted:
            return JsonResponse({"error": str(error)}, status=HTTPStatus.CONFLICT)
        messages.error(request, str(error))
        return back
    audit.record(
        request,
        f"{decision} anomaly",
        subject=KINDS[chosen.owner],
        subject_id=chosen.row.pk,
        workspace_id=chosen.row.workspace_id,
        details={"row": flag.row.external_id, "flag": flag.id},
    )
    if is_scripted:
        one = shown(flag, chosen)
        answer = {"status": flag.status, "seen": flag.current, "words": one.decided}
        return JsonResponse(answer)
    messages.success(request, f"“{name_of(flag.row)}” is {DONE[decision]}.")
    return back


def change_setting(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Store the budget and the rest of the setting."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    demand(request, PERMISSION)
    chosen = find_chosen(request.POST)
    if chosen is None:
        raise Http404
    level = level_of(chosen, request.POST.get("level", ""))
    form = SettingForm(request.POST)
    if form.is_valid():
        try:
            wished = form.wished()
            place = (chosen.caller, chosen.owner, chosen.row.slug)
            service.change_setting(*place, wished, level=level)
        except HubError as error:
            _add_reason(form, error)
        else:
            audit.record(
                request,
                "change anomaly setting",
                subject=KINDS[chosen.owner],
                subject_id=chosen.row.pk,
                workspace_id=chosen.row.workspace_id,
                details=wished,
            )
            messages.success(
                request,
                "Stored. It holds for rows that come from now on, and for all after the next scan.",
            )
            return redirect(address(chosen, level))
    context = detail(request, chosen, form)
    return page(request, model_admin, "console/anomalies.html", context)


def _add_reason(form: SettingForm, error: HubError) -> None:
    """Show why the service refused, of the budget beside its amount."""
    if (getattr(error, "field", None) or "").startswith("budget"):
        form.add_error("amount", getattr(error, "message", str(error)))
    else:
        add_reason(form, error)


def start(request: HttpRequest) -> HttpResponse:
    """Start a scan."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    demand(request, PERMISSION)
    chosen = find_chosen(request.POST)
    if chosen is None:
        raise Http404
    level = level_of(chosen, request.POST.get("level", ""))
    run_id = service.start_scan(chosen.caller, chosen.owner, chosen.row.slug, level=level)
    audit.record(
        request,
        "scan anomalies",
        subject=KINDS[chosen.owner],
        subject_id=chosen.row.pk,
        workspace_id=chosen.row.workspace_id,
        details={"level": level, "run_id": run_id},
    )
    messages.success(request, "The scan has begun. Its progress is shown below.")
    return redirect(address(chosen, level))
