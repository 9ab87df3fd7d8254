"""Topics of a collection or catalog: their names and rows, the map, their course, a new fit."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from embedhub.console import audit, words
from embedhub.console.pages import runs
from embedhub.console.pages.analysis import (
    KINDS,
    Chosen,
    find_chosen,
    latest_run,
    list_owners,
)
from embedhub.console.pages.layout import PickField, add_reason, page
from embedhub.console.pages.shown_topics import (
    TREND_HEIGHT,
    TREND_WIDTH,
    css,
    example,
    figures_of,
    lines_of,
    share,
    shown,
)
from embedhub.console.permissions import demand, may
from embedhub.errors import HubError, NotFound
from embedhub.graph.subject import LEVELS
from embedhub.runs.kinds import UNFINISHED, RunKind
from embedhub.topics import maps, service
from embedhub.topics.asking import Asked
from embedhub.topics.setting import read_setting

HERE = "admin:console_topics"
PERMISSION = "fit_topicfit"
EXAMPLES, TOPICS_SHOWN = 20, 200
MAP_WIDTH, MAP_HEIGHT = 1_200, 720
UNSORTED = "none"


class FitForm(forms.Form):
    """How a new fit groups rows."""

    method = PickField(
        label="Grouped",
        choices=list(words.TOPIC_METHOD_WORDS.items()),
        help_text="By density, the number of topics is found, and odd rows are left over. By"
        " k-means every row is in one of as many topics as you say.",
    )
    k = forms.IntegerField(
        label="How many topics",
        required=False,
        min_value=2,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
        help_text="With k-means; empty: as many as fit best.",
    )
    min_size = forms.IntegerField(
        label="Smallest topic",
        required=False,
        min_value=2,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
        help_text="Rows at least, by density; empty: what suits their number.",
    )
    llm_names = forms.BooleanField(
        label="Names by the workspace's language model",
        required=False,
        help_text="It is sent the words and some texts of each topic.",
    )


def topics_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the topics of what was chosen, one of them, or what there is to choose from."""
    demand(request, "view_topic")
    chosen = find_chosen(request.GET)
    if chosen is None:
        context = {"title": "Topics", "owners": list_owners(request), "here": reverse(HERE)}
        return page(request, model_admin, "console/topics.html", context)
    asked = asked_of(chosen, request.GET.get("level", ""))
    topic = request.GET.get("topic")
    if topic is not None:
        context = topic_detail(request, chosen, asked, topic)
        return page(request, model_admin, "console/topic.html", context)
    return page(request, model_admin, "console/topics.html", detail(request, chosen, asked))


def asked_of(chosen: Chosen, level: str) -> Asked:
    """Return whose topics are shown; a level that there is not is the first."""
    levels = LEVELS[chosen.owner]
    known = next((each for each in levels if each.value == level), levels[0])
    return Asked(chosen.caller, chosen.owner, chosen.row.slug, known.value)


def address(chosen: Chosen, asked: Asked, **more: object) -> str:
    """Return the address of the page about these rows."""
    query = {KINDS[chosen.owner]: chosen.row.pk, "level": asked.level, **more}
    return f"{reverse(HERE)}?{urlencode(query)}"


def detail(
    request: HttpRequest, chosen: Chosen, asked: Asked, form: FitForm | None = None
) -> dict[str, Any]:
    """Return what the page shows of all topics."""
    view = service.describe_topics(asked)
    run = latest_run(chosen, [RunKind.FIT_TOPICS.value])
    is_running = run is not None and run.status in UNFINISHED
    trend = maps.read_trends(asked) if view.fit is not None and view.topics else None
    return {
        "title": f"Topics of {chosen.row.slug}",
        "chosen": chosen,
        "kind": KINDS[chosen.owner],
        "level": asked.level,
        "levels": [(each.value, words.LEVEL_WORDS[each.value]) for each in LEVELS[chosen.owner]],
        "fit": view.fit,
        "figures": figures_of(view.fit) if view.fit is not None else [],
        "topics": [
            shown(one, view.topics, url=address(chosen, asked, topic=one.number))
            for one in view.topics[:TOPICS_SHOWN]
        ],
        "n_topics": len(view.topics),
        "unsorted_url": address(chosen, asked, topic=UNSORTED),
        "picture": f"{reverse('admin:console_topics_picture')}?"
        + urlencode({KINDS[chosen.owner]: chosen.row.pk, "level": asked.level})
        + (f"&v={view.fit.id}.{view.fit.revision}" if view.fit is not None else ""),
        "map_size": (MAP_WIDTH, MAP_HEIGHT),
        "lines": lines_of(trend, view.topics) if trend is not None else [],
        "trend": trend,
        "chart": {"width": TREND_WIDTH, "height": TREND_HEIGHT},
        "run": run,
        "run_status": runs.status_of(run) if run is not None else "",
        "run_progress": runs.progress_of(run) if run is not None else "",
        "is_running": is_running,
        "may_fit": may(request, PERMISSION) and not is_running,
        "form": form or FitForm(),
        "analysis_url": reverse("admin:console_analysis") + chosen.query,
    }


def topic_detail(request: HttpRequest, chosen: Chosen, asked: Asked, topic: str) -> dict[str, Any]:
    """Return what the page of one topic shows; of "none", the rows in no topic."""
    if topic != UNSORTED and not topic.isdecimal():
        raise Http404
    number = None if topic == UNSORTED else int(topic)
    try:
        view = None if number is None else service.get_topic(asked, number)
        nodes = service.list_examples(asked, number, limit=EXAMPLES)
    except NotFound as error:
        raise Http404 from error
    return {
        "title": "Rows in no topic" if view is None else view.name,
        "back_url": address(chosen, asked),
        "chosen": chosen,
        "kind": KINDS[chosen.owner],
        "level": asked.level,
        "topic": view,
        "source": words.TOPIC_NAME_WORDS[view.name_source][0] if view is not None else "",
        "share": share(view.share) if view is not None else "",
        "colour": css(number or 0),
        "rows": [example(node, chosen.owner) for node in nodes],
        "may_fit": may(request, PERMISSION),
        "all_url": address(chosen, asked),
    }


def start(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Have topics found as the form says."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    chosen = find_chosen(request.POST)
    if chosen is None:
        raise Http404
    asked = asked_of(chosen, request.POST.get("level", ""))
    form = FitForm(request.POST)
    if form.is_valid():
        try:
            run_id = service.start_fit(asked, read_setting(form.cleaned_data))
        except HubError as error:
            add_reason(form, error)
        else:
            _note(request, "find topics", chosen, run_id=run_id)
            messages.success(request, "Topics are being found; the ones before answer meanwhile.")
            return redirect(address(chosen, asked))
    context = detail(request, chosen, asked, form)
    return page(request, model_admin, "console/topics.html", context)


def rename(request: HttpRequest, number: int) -> HttpResponse:
    """Give a topic the name that the form says."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    chosen = find_chosen(request.POST)
    if chosen is None:
        raise Http404
    asked = asked_of(chosen, request.POST.get("level", ""))
    name = request.POST.get("name", "")
    try:
        view = service.rename_topic(asked, number, name, by=request.user.get_username())
    except NotFound as error:
        raise Http404 from error
    except HubError as error:
        messages.error(request, str(error))
    else:
        _note(request, "rename topic", chosen, topic=number, name=view.name)
        before = view.name_facts.get("before")
        messages.success(request, f"It is called “{view.name}” from now on, not “{before}”.")
    return redirect(address(chosen, asked, topic=number))


def picture(request: HttpRequest) -> HttpResponse:
    """Return the map as a PNG."""
    demand(request, "view_topic")
    chosen = find_chosen(request.GET)
    if chosen is None:
        raise Http404
    asked = asked_of(chosen, request.GET.get("level", ""))
    try:
        data = maps.read_picture(asked, width=MAP_WIDTH, height=MAP_HEIGHT)
    except NotFound as error:
        raise Http404 from error
    response = HttpResponse(data, content_type="image/png")
    # Its address names the fit and its revision.
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _note(request: HttpRequest, action: str, chosen: Chosen, **details: object) -> None:
    audit.record(
        request,
        action,
        subject=KINDS[chosen.owner],
        subject_id=chosen.row.pk,
        workspace_id=chosen.row.workspace_id,
        details={"slug": chosen.row.slug, **details},
    )
