"""Rules of placements: changed, switched off and put back, with what they do beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from embedhub.access.caller import Caller
from embedhub.console import audit, models
from embedhub.console.pages.catalogs import attribute_names, latest_user
from embedhub.console.pages.layout import add_reason, page
from embedhub.console.pages.rule_forms import FORMS, KINDS, RuleForm
from embedhub.console.pages.rule_words import sentence
from embedhub.console.pages.shown_lists import ShownItem, moved, title_of, titles_of
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.recommend.request import RecommendationRequest
from embedhub.recommend.rules import service
from embedhub.recommend.rules.preview import PreviewedHit, preview_rules
from embedhub.recommend.rules.service import PlacementView

PERMISSION = "rule_placement"
DETAIL = "admin:console_placement_change"
SHOWN_REVISIONS = 10
PREVIEWED = 10
ADD = -1

Rules = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule in words."""

    number: int
    text: str
    note: str
    is_on: bool


def detail(request: HttpRequest, row: Any) -> dict[str, Any]:
    """Return what the template of a placement's page shows."""
    user = request.GET.get("user") or latest_user(row.catalog_id)
    return {
        "rules": shown_rules(row.catalog_id, row.rules),
        "kinds": KINDS,
        "whose": user,
        "preview": _preview(row, None, user),
        "revisions": _revisions(row),
    }


def edit_rule(
    request: HttpRequest, model_admin: Any, placement_id: int, number: int, action: str = ""
) -> HttpResponse:
    """Add a rule of a kind, or change one; the preview beside follows what is typed."""
    demand(request, PERMISSION)
    row = found(placement_id)
    current = None if number == ADD else _rule_at(row, number)
    kind = FORMS.get(action if current is None else str(current["action"]))
    if kind is None:
        raise Http404
    initial = {} if current is None else kind.initial_of(current)
    form = kind(request.POST or None, initial=initial)
    user = request.POST.get("user") or request.GET.get("user") or latest_user(row.catalog_id)
    preview: Mapping[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        rules = _with(row, number, form)
        if rules is not None and "preview" in request.POST:
            preview = _preview(row, rules, user, form)
        elif rules is not None and _store(request, row, rules, form):
            return redirect(DETAIL, row.pk)
    if not preview:
        preview = _preview(row, None, user)
    context = {
        "title": KINDS[kind.action][0] if current is None else f"Change rule {number + 1}",
        "lead": KINDS[kind.action][1],
        "form": form,
        "row": row,
        "whose": user,
        "preview": preview,
        "attributes": attribute_names(row.catalog_id),
        "back_url": reverse(DETAIL, args=[row.pk]),
    }
    if request.headers.get("X-Part") == "preview":
        return TemplateResponse(request, "console/rule_preview.html", context)
    return page(request, model_admin, "console/rule.html", context)


def step(request: HttpRequest, placement_id: int, number: int, name: str) -> HttpResponse:
    """Switch a rule off or on, or remove it, and offer to undo it."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = found(placement_id)
    rules = [dict(rule) for rule in row.rules]
    _rule_at(row, number)
    if name == "remove":
        del rules[number]
    else:
        rules[number]["is_on"] = name == "on"
    _store(request, row, rules)
    return redirect(DETAIL, row.pk)


def restore(request: HttpRequest, placement_id: int, revision: int) -> HttpResponse:
    """Put back rules that held before."""
    demand(request, PERMISSION)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = found(placement_id)
    try:
        view = service.restore_revision(
            _caller(row), row.catalog.slug, row.name, revision, by=staff_name(request)
        )
    except HubError as error:
        messages.error(request, str(error))
    else:
        note(request, "put rules back", row, {"revision": revision})
        _offer(request, row, view, f"The rules of revision {revision} hold again.")
    return redirect(DETAIL, row.pk)


def shown_rules(catalog_id: int, rules: Sequence[Mapping[str, Any]]) -> list[ShownRule]:
    """Return rules in words."""
    titles = titles_of(catalog_id, (str(rule.get("item", "")) for rule in rules))
    return [
        ShownRule(number, sentence(rule, titles), rule.get("note", ""), rule.get("is_on", True))
        for number, rule in enumerate(rules)
    ]


def _with(row: Any, number: int, form: RuleForm) -> Rules | None:
    """Return the placement's rules with that of the form; None if it does not make one."""
    try:
        raw = form.raw()
    except forms.ValidationError as error:
        form.add_error(None, error)
        return None
    rules: Rules = [dict(rule) for rule in row.rules]
    if number == ADD:
        return [*rules, raw]
    is_on = rules[number].get("is_on", True)
    rules[number] = raw if is_on else {**raw, "is_on": False}
    return rules


def _store(request: HttpRequest, row: Any, rules: Rules, form: RuleForm | None = None) -> bool:
    """Let these rules hold and offer to undo it; say why not where they cannot."""
    try:
        view = service.put_rules(
            _caller(row), row.catalog.slug, row.name, rules, revision=row.revision,
            by=staff_name(request),
        )  # fmt: skip
    except HubError as error:
        if form is None:
            messages.error(request, str(error))
        else:
            add_reason(form, error)
        return False
    note(request, "change rules", row, {"revision": view.revision})
    _offer(request, row, view, "Saved: it holds from the next list on.")
    return True


def _preview(
    row: Any, rules: Rules | None, user: str | None, form: RuleForm | None = None
) -> dict[str, Any]:
    """Return a list before and after rules, or why there is none."""
    asked = RecommendationRequest(user=user or None, limit=PREVIEWED)
    try:
        found = preview_rules(_caller(row), row.catalog.slug, row.name, rules, asked)
    except HubError as error:
        if form is not None:
            add_reason(form, error)
        return {"error": str(error)}
    after = {hit.external_id for hit in found.after}
    return {
        "before": [_item(hit, "" if hit.external_id in after else "gone") for hit in found.before],
        "after": [_item(hit) for hit in found.after],
        "notes": found.notes,
    }  # fmt: skip


def _item(hit: PreviewedHit, lost: str | None = None) -> ShownItem:
    shift = moved(hit.position, hit.was) if lost is None else (lost, "warn")
    return ShownItem(
        position=hit.position,
        external_id=hit.external_id,
        title=title_of(hit.fields, hit.external_id),
        url=None,
        score=f"{hit.score:.3f}",
        rules=hit.rules,
        moved=shift[0],
        moved_tone=shift[1],
    )


def _revisions(row: Any) -> list[dict[str, Any]]:
    revisions = service.list_revisions(_caller(row), row.catalog.slug, row.name)
    return [
        {
            "revision": one.revision,
            "changed_at": one.changed_at,
            "changed_by": one.changed_by,
            "rules": shown_rules(row.catalog_id, one.rules),
        }
        for one in revisions[:SHOWN_REVISIONS]
    ]


def found(placement_id: int) -> Any:
    """Return the row of a placement; raises Http404."""
    rows: Any = models.Placement.objects.select_related("catalog")
    row = rows.filter(pk=placement_id, catalog__deleted_at=None).first()
    if row is None:
        raise Http404
    return row


def _rule_at(row: Any, number: int) -> dict[str, Any]:
    if not 0 <= number < len(row.rules):
        raise Http404
    found: dict[str, Any] = row.rules[number]
    return found


def _offer(request: HttpRequest, row: Any, view: PlacementView, text: str) -> None:
    """Say what was done, with a button that undoes it."""
    if view.revision == row.revision:
        messages.info(request, "Nothing was changed.")
        return
    messages.success(
        request,
        format_html(
            '{} <form method="post" action="{}" class="eh-inline">'
            '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
            '<button type="submit" class="eh-link">Undo</button></form>',
            text,
            reverse("admin:console_placement_restore", args=[row.pk, row.revision]),
            get_token(request),
        ),
    )


def _caller(row: Any) -> Caller:
    return Caller.for_workspace(row.workspace_id)


def staff_name(request: HttpRequest) -> str:
    """Return who asks, as revisions say it."""
    return f"staff {request.user.get_username()}"


def note(request: HttpRequest, action: str, row: Any, details: Mapping[str, Any]) -> None:
    """Keep in the log what was done to a placement."""
    audit.record(
        request,
        action,
        subject="placement",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"placement": row.name, **details},
    )
