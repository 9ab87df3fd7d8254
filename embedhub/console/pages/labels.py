"""Label sets of a collection or catalog, and one of them: how it stands, in words and figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from embedhub.access.caller import Caller
from embedhub.console import audit, models, words
from embedhub.console.pages import runs
from embedhub.console.pages.analysis import KINDS, Chosen, find_chosen, list_owners
from embedhub.console.pages.label_forms import (
    LabelsForm,
    NewSetForm,
    TrainForm,
    labels_of,
    lines_of,
)
from embedhub.console.pages.label_words import (
    by_label,
    confusion_table,
    figures_of,
    percent,
    sentences,
    source_words,
)
from embedhub.console.pages.layout import add_reason, page
from embedhub.console.permissions import demand, may
from embedhub.errors import HubError
from embedhub.graph.service import Owner
from embedhub.labels import service
from embedhub.runs.kinds import RunKind

HERE = "admin:console_labels"
PERMISSION = "label_labelset"
SHOWN_SETS, SHOWN_VERSIONS = 100, 20
SHOWN_PAIRS = 20


@dataclass(frozen=True, slots=True)
class Of:
    """A label set with what services are asked by."""

    row: Any
    caller: Caller
    owner: Owner
    slug: str

    @property
    def asked(self) -> tuple[Caller, Owner, str, str]:
        """Return the arguments that every service of labels begins with."""
        return self.caller, self.owner, self.slug, self.row.name

    def url(self, page: str) -> str:
        """Return the address of one of its pages."""
        return reverse(f"admin:console_label_{page}", args=[self.row.pk])


def labels_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the label sets of what was chosen, or what there is to choose from."""
    demand(request, "view_labelset")
    chosen = find_chosen(request.GET)
    if chosen is None:
        listed = {"title": "Labels", "owners": list_owners(request), "here": reverse(HERE)}
        return page(request, model_admin, "console/labels.html", listed)
    fields = [name for name, _ in service.filled_fields(chosen.caller, chosen.owner, slug(chosen))]
    form = NewSetForm(request.POST or None, chosen=chosen, fields=fields)
    if request.method == "POST":
        demand(request, PERMISSION)
        made = create(request, chosen, form) if form.is_valid() else None
        if made is not None:
            return redirect("admin:console_label_set", made)
    context = {
        "title": f"Labels of {chosen.row.slug}",
        "chosen": chosen,
        "kind": KINDS[chosen.owner],
        "sets": shown_sets(chosen),
        "may_label": may(request, PERMISSION),
        "form": form,
        "here": reverse(HERE),
        "analysis_url": reverse("admin:console_analysis") + chosen.query,
    }
    return page(request, model_admin, "console/labels.html", context)


def create(request: HttpRequest, chosen: Chosen, form: NewSetForm) -> int | None:
    """Make a label set and return its id; None if it was refused, with the reason told."""
    person = request.user.get_username()
    wanted = form.wanted()
    try:
        service.create_set(chosen.caller, chosen.owner, slug(chosen), wanted, by=person)
    except HubError as error:
        add_reason(form, error)
        return None
    row: Any = models.LabelSet.objects.get(
        **{f"{KINDS[chosen.owner]}_id": chosen.row.pk, "name": wanted.name}
    )
    record(request, "make label set", row)
    return int(row.pk)


def set_page(request: HttpRequest, model_admin: Any, set_id: int) -> HttpResponse:
    """Show one label set."""
    demand(request, "view_labelset")
    of = find_set(set_id)
    return page(request, model_admin, "console/label_set.html", detail(request, of))


def detail(
    request: HttpRequest, of: Of, forms_with_errors: Mapping[str, forms.Form] | None = None
) -> dict[str, Any]:
    """Return what the page of a label set shows."""
    state = service.describe_set(*of.asked)
    run: Any = None
    if state.run_id is not None:
        run = models.Run.objects.filter(pk=state.run_id).first()
    last = latest_run(of)
    live = state.live
    share = 100 * state.set.setting["rejected_share"]
    given = {"labels": lines_of(state.set.labels), "rejected_share": f"{share:g}"}
    return {
        "title": f"Labels: {of.row.name}",
        "back_url": list_url(of),
        "of": of,
        "kind": KINDS[of.owner],
        "state": state,
        "run": run,
        "failed": last if run is None and last is not None and last.status == "failed" else None,
        "run_status": runs.status_of(run) if run is not None else "",
        "run_progress": runs.progress_of(run) if run is not None else "",
        "figures": figures_of(state),
        "sentences": sentences(live) if live is not None else [],
        "table": confusion_table(live) if live is not None else None,
        "pairs": live.metrics.get("confused", [])[:SHOWN_PAIRS] if live is not None else [],
        "by_label": by_label(live) if live is not None else [],
        "versions": service.list_versions(*of.asked, limit=SHOWN_VERSIONS),
        "status_words": words.CLASSIFIER_STATUS_WORDS,
        "may_label": may(request, PERMISSION),
        "train_form": TrainForm(),
        "labels_form": LabelsForm(given),
        "urls": {
            name: of.url(name)
            for name in ("set", "train", "publish", "edit", "queue", "errors", "delete")
        },
        **(forms_with_errors or {}),
    }


def train(request: HttpRequest, model_admin: Any, set_id: int) -> HttpResponse:
    """Start a training."""
    of = change(request, set_id)
    form = TrainForm(request.POST)
    if not form.is_valid():
        return page(
            request,
            model_admin,
            "console/label_set.html",
            detail(request, of, {"train_form": form}),
        )
    given = form.cleaned_data
    try:
        run_id = service.start_training(
            *of.asked, method=given["method"] or None, publish=given["publish"]
        )
    except HubError as error:
        messages.error(request, str(error))
    else:
        record(request, "train labels", of.row, run_id=run_id)
    return redirect(of.url("set"))


def edit(request: HttpRequest, model_admin: Any, set_id: int) -> HttpResponse:
    """Change the labels of a set, and how it is trained."""
    of = change(request, set_id)
    form = LabelsForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        wished = {
            "labels": labels_of(given["labels"]),
            "setting": {"rejected_share": given["rejected_share"] / 100},
        }
        try:
            service.update_set(*of.asked, wished)
        except HubError as error:
            add_reason(form, error)
        else:
            record(request, "change label set", of.row)
            messages.success(request, "Changed. The next training goes by it.")
            return redirect(of.url("set"))
    return page(
        request, model_admin, "console/label_set.html", detail(request, of, {"labels_form": form})
    )


def publish(request: HttpRequest, set_id: int) -> HttpResponse:
    """Let another version predict."""
    of = change(request, set_id)
    number = request.POST.get("number", "")
    if not number.isdecimal():
        raise Http404
    person = request.user.get_username()
    try:
        service.publish_version(*of.asked, int(number), by=person)
    except HubError as error:
        messages.error(request, str(error))
    else:
        record(request, "publish classifier", of.row, number=int(number))
        messages.success(request, f"Version {number} predicts from now on; rows follow.")
    return redirect(of.url("set"))


def delete(request: HttpRequest, set_id: int) -> HttpResponse:
    """Delete a label set, whose name was typed to be sure."""
    of = change(request, set_id)
    if request.POST.get("name", "").strip() != of.row.name:
        messages.error(request, f"Nothing was deleted: type the name, {of.row.name}, to be sure.")
        return redirect(of.url("set"))
    service.delete_set(*of.asked)
    record(request, "delete label set", of.row)
    messages.success(request, f"{of.row.name} was deleted.")
    return redirect(list_url(of))


def change(request: HttpRequest, set_id: int) -> Of:
    """Return the set that a form changes; 403 without the permission, 404 if it is gone."""
    demand(request, PERMISSION)
    if request.method != "POST":
        raise Http404
    return find_set(set_id)


def find_set(set_id: int) -> Of:
    """Return a label set whose owner is there."""
    rows: Any = models.LabelSet.objects.select_related("collection", "catalog", "workspace")
    row = rows.filter(pk=set_id).first()
    owner_row = None if row is None else (row.collection or row.catalog)
    if owner_row is None or owner_row.deleted_at is not None:
        raise Http404
    owner = Owner.COLLECTIONS if row.collection is not None else Owner.CATALOGS
    return Of(row, Caller.for_workspace(row.workspace_id), owner, owner_row.slug)


def list_url(of: Of) -> str:
    """Return the address of the list that a set stands in."""
    ident = of.row.collection_id or of.row.catalog_id
    return f"{reverse(HERE)}?{KINDS[of.owner]}={ident}"


def latest_run(of: Of) -> Any:
    """Return the newest training of a set."""
    rows: Any = models.Run.objects.filter(
        workspace=of.row.workspace_id,
        kind=RunKind.TRAIN_LABELS.value,
        arguments__contains={"set_id": of.row.pk},
    )
    return rows.order_by("-id").first()


def shown_sets(chosen: Chosen) -> list[dict[str, Any]]:
    """Return the label sets of an owner with how they stand."""
    rows: Any = models.LabelSet.objects.filter(**{f"{KINDS[chosen.owner]}_id": chosen.row.pk})
    found = []
    for row in rows.order_by("name")[:SHOWN_SETS]:
        state = service.describe_set(chosen.caller, chosen.owner, slug(chosen), row.name)
        accuracy = None if state.live is None else state.live.metrics.get("accuracy")
        found.append(
            {
                "name": row.name,
                "url": reverse("admin:console_label_set", args=[row.pk]),
                "source": source_words(state),
                "given": f"{state.n_given:,}",
                "right": "–" if accuracy is None else percent(accuracy),
                "predicted": f"{state.n_predicted:,}",
                "n_errors": state.n_open_errors,
                "is_training": state.run_id is not None,
            }
        )
    return found


def slug(chosen: Chosen) -> str:
    """Return how paths name what was chosen."""
    return str(chosen.row.slug)


def record(request: HttpRequest, action: str, row: Any, **details: Any) -> None:
    """Write down what a member of staff did with a set."""
    audit.record(
        request,
        action,
        subject="label set",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"name": row.name, **details},
    )
