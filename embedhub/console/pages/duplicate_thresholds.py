"""What a threshold of duplicates would take, and deciding about a band of scores at once."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from embedhub.console.pages.analysis import KINDS, find_chosen
from embedhub.console.pages.duplicates import HERE, PERMISSION, address, note, posted, where_of
from embedhub.console.pages.layout import page
from embedhub.console.permissions import demand, may
from embedhub.duplicates import service
from embedhub.duplicates.service import Action, Wanted
from embedhub.errors import HubError, NotFound


def thresholds_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "view_duplicatepair")
    chosen = find_chosen(request.GET)
    if chosen is None:
        return redirect(HERE)
    where = where_of(chosen, request.GET)
    asked = request.GET.get("threshold", "")
    context: dict[str, Any] = {
        "title": f"Threshold of duplicates of {chosen.row.slug}",
        "chosen": chosen,
        "kind": KINDS[chosen.owner],
        "level": where.level,
        "queue_url": address(chosen, where),
        "may_decide": may(request, PERMISSION),
    }
    try:
        view = service.thresholds(chosen.caller, where, float(asked) if asked else None)
    except ValueError:
        context["error"] = "The threshold must be a number from 0 to 1."
    except HubError as error:
        context["error"] = "" if isinstance(error, NotFound) else str(error)
    else:
        largest = max((band.n_pairs for band in view.bands), default=0) or 1
        context |= {
            "view": view,
            "shown": f"{view.threshold:.2f}",
            "bands": [
                {
                    "band": band,
                    "least": f"{band.least:.2f}",
                    "most": f"{band.most if band.most < 1 else 1.01:.2f}",
                    "shown_most": f"{band.most:.2f}",
                    "width": round(100 * band.n_pairs / largest),
                    "precision": f"{band.precision:.0%}",
                    "bounds": bounds_of(band.low, band.high),
                    "is_above": band.least >= view.threshold - 1e-9,
                }
                for band in reversed(view.bands)
            ],
            "precision": "" if view.precision is None else f"{view.precision:.1%}",
        }
    return page(request, model_admin, "console/duplicate_thresholds.html", context)


def bounds_of(low: float | None, high: float | None) -> str:
    """Return the bounds of a share in words."""
    return "" if low is None or high is None else f"{low:.0%} to {high:.0%}"


def decide_band(request: HttpRequest) -> HttpResponse:
    """Decide the same about the open pairs of a band of scores."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    chosen, where = posted(request)
    action = request.POST.get("action", "")
    try:
        least, most = (float(request.POST.get(name, "")) for name in ("least", "most"))
    except ValueError:
        raise Http404 from None
    if action not in {Action.LINK.value, Action.NOT_DUPLICATE.value}:
        raise Http404
    by = f"staff {request.user.get_username()}"
    try:
        done, refused = service.decide_band(
            chosen.caller, where, Wanted(Action(action)), least=least, most=most, by=by
        )
    except HubError as error:
        messages.error(request, str(error))
    else:
        note(request, chosen, f"{action} band of duplicates", {"least": least, "n": done})
        told = f"{done} {'pair' if done == 1 else 'pairs'} decided" + (
            f", {refused} could not be" if refused else ""
        )
        messages.success(request, f"{told}. Pairs that differ in a fact are left to be looked at.")
    return redirect(address(chosen, where, "thresholds"))
