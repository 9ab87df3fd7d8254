"""The sidebar: what is where, who may see it, and how many dead letters wait."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from embedhub.console import queries
from embedhub.console.permissions import may
from embedhub.console.words import bounded


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups for the staff member who asks."""
    return [
        {"items": _first()},
        {"title": "Content", "separator": True, "items": _content(request)},
        {"title": "Quality", "separator": True, "items": _quality(request)},
        {"title": "Analysis", "separator": True, "items": _analysis()},
        {"title": "Work", "separator": True, "items": _work(request)},
        {"title": "Catalogs", "separator": True, "collapsible": True, "items": _catalogs()},
        {"title": "House", "separator": True, "collapsible": True, "items": _house()},
    ]


def _first() -> list[dict[str, Any]]:
    return [
        {"title": "Home", "icon": "home", "link": reverse("admin:index")},
        {
            "title": "Search",
            "icon": "search",
            "link": reverse("admin:console_search"),
            "permission": _may("view_document"),
        },
        {
            "title": "Ask",
            "icon": "question_answer",
            "link": reverse("admin:console_ask"),
            "permission": _may("view_document"),
        },
        {
            "title": "Send files",
            "icon": "upload_file",
            "link": reverse("admin:console_files"),
            "permission": _may("upload_file"),
        },
    ]


def _content(request: HttpRequest) -> list[dict[str, Any]]:
    collections = _page("Collections", "collection", "folder_copy")
    # The pages with entries of their own lie below the collections' address, but are none of them.
    own = tuple(map(reverse, ("admin:console_search", "admin:console_ask", "admin:console_files")))
    collections["active"] = request.path.startswith(collections["link"]) and not (
        request.path.startswith(own)
    )
    return [
        _page("Workspaces", "workspace", "domain"),
        _page("API keys", "apikey", "key"),
        collections,
        _page("Documents", "document", "description"),
        _page("Chunks", "chunk", "segment"),
        _page("Pinned and hidden", "curation", "push_pin"),
    ]


def _quality(request: HttpRequest) -> list[dict[str, Any]]:
    judging, comparing = reverse("admin:console_judge"), reverse("admin:console_compare")
    judged = _page("Judged queries", "judgedquery", "rule")
    evaluations = _page("Evaluations", "evaluation", "monitoring")
    # Pages of their own below the lists' addresses.
    for item, below in ((judged, judging), (evaluations, comparing)):
        is_below = request.path.startswith(below)
        item["active"] = request.path.startswith(item["link"]) and not is_below
    return [
        {
            "title": "Judge hits",
            "icon": "thumbs_up_down",
            "link": judging,
            "permission": _may("judge_judgedquery"),
        },
        judged,
        evaluations,
        _page("Variants", "variant", "tune"),
        _page("Feedback", "feedback", "ads_click"),
    ]


def _analysis() -> list[dict[str, Any]]:
    return [
        *_own("Overview", "console_analysis", "hub", "view_graph"),
        *_own("Duplicates", "console_duplicates", "content_copy", "view_duplicatepair"),
        *_own("Anomalies", "console_anomalies", "crisis_alert", "view_anomalyflag"),
        *_own("Topics", "console_topics", "bubble_chart", "view_topic"),
        *_own("Labels", "console_labels", "label", "view_labelset"),
        _page("Webhooks", "webhook", "webhook"),
    ]


def _own(title: str, name: str, icon: str, permission: str) -> list[dict[str, Any]]:
    """Return the entry of a page that is no list, if there is such a page."""
    try:
        link = reverse(f"admin:{name}")
    except NoReverseMatch:
        return []
    return [{"title": title, "icon": icon, "link": link, "permission": _may(permission)}]


def _work(request: HttpRequest) -> list[dict[str, Any]]:
    dead = _page("Dead letters", "deadletter", "heart_broken")
    if may(request, "view_deadletter"):
        n_dead = queries.count_dead()
        if n_dead:
            dead |= {"badge": bounded(n_dead, queries.BADGE_BOUND), "badge_variant": "danger"}
    return [
        _page("Runs", "run", "directions_run"),
        _page("Files", "file", "attach_file"),
        _page("Imports", "import", "upload"),
        dead,
        _page("Pending", "pending", "pending"),
        _page("Spaces", "space", "scatter_plot"),
    ]


def _catalogs() -> list[dict[str, Any]]:
    return [
        _page("Catalogs", "catalog", "storefront"),
        _page("Items", "item", "inventory_2"),
        _page("Users", "user", "group"),
        _page("Interactions", "interaction", "touch_app"),
        _page("Waiting interactions", "heldinteraction", "hourglass_empty"),
        _page("Impressions", "impression", "visibility"),
        _page("Placements", "placement", "view_carousel"),
        _page("Experiments", "experiment", "experiment"),
        _page("Recommenders", "recommenderversion", "recommend"),
    ]


def _house() -> list[dict[str, Any]]:
    return [
        _page("Conversations", "conversation", "forum"),
        _page("Language models", "llmsetting", "smart_toy"),
        _page("Logged searches", "searchlogentry", "manage_search"),
        _page("Judgments", "judgment", "checklist"),
        _page("Recall checks", "recallsample", "troubleshoot"),
        _page("Uses of filters", "filteruse", "filter_alt"),
        _page("Document versions", "documentversion", "history"),
        _page("Staff actions", "staffaction", "fact_check"),
        _page("Staff", "user", "badge", app="auth"),
        _page("Groups", "group", "groups", app="auth"),
    ]


def _page(title: str, name: str, icon: str, *, app: str = "console") -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{app}_{name}_changelist"),
        "permission": _may(f"view_{name}", app),
    }


def _may(codename: str, app: str = "console") -> Callable[[HttpRequest], bool]:
    return lambda request: may(request, codename, app)
