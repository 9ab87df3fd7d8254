"""The page of a collection's vector index: its state in plain words, and building it anew."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from embedhub.access.caller import Caller
from embedhub.console import audit, models, words
from embedhub.console.pages.layout import PickField, add_reason, page
from embedhub.console.permissions import demand, may
from embedhub.errors import HubError
from embedhub.spaces import index_life
from embedhub.spaces.forecast import Forecast, in_mib
from embedhub.spaces.index_life import IndexView

PERMISSION = "rebuild_collection"
PRECISIONS = (
    ("", "as it is"),
    ("halfvec", "halfvec: half the size, same recall"),
    ("vector", "vector: in full"),
    ("bit", "bit: smallest; candidates are compared again in full"),
)


class RebuildForm(forms.Form):
    """How to build the index."""

    precision = PickField(choices=PRECISIONS, required=False, label="What it holds of a vector")


def index_page(request: HttpRequest, model_admin: Any, collection_id: int) -> HttpResponse:
    """Show the state of an index; a POST starts the run that builds it anew."""
    demand(request, "view_collection")
    row: Any = models.Collection.objects.filter(pk=collection_id, deleted_at__isnull=True).first()
    if row is None:
        raise Http404
    caller = Caller.for_workspace(row.workspace_id)
    form = RebuildForm(request.POST or None)
    if request.method == "POST":
        demand(request, PERMISSION)
        if form.is_valid():
            run_id = _start(request, row, caller, form)
            if run_id is not None:
                return redirect("admin:console_run_change", run_id)
    index = index_life.describe_index(caller, row.slug)
    context = {
        "title": f"Index of {row.slug}",
        "facts": facts_of(index),
        "forecast": forecast_of(index.forecast),
        "advice": [advice.message for advice in index.advice],
        "run_id": index.run_id,
        "form": form,
        "may_rebuild": may(request, PERMISSION) and index.run_id is None,
        "has_room": index.forecast.has_room,
        "collection_id": collection_id,
    }
    return page(request, model_admin, "console/index.html", context)


def _start(request: HttpRequest, row: Any, caller: Caller, form: RebuildForm) -> int | None:
    precision = form.cleaned_data["precision"] or None
    try:
        run_id, _ = index_life.ask_for_rebuild(caller, row.slug, precision=precision)
    except HubError as error:
        add_reason(form, error)
        return None
    audit.record(
        request,
        "rebuild index",
        subject="collection",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"precision": precision or "as it is"},
    )
    messages.success(request, "The index is built anew; searches go by the old one until then.")
    return run_id


def facts_of(index: IndexView) -> list[tuple[str, str]]:
    """Return what is known of an index as labelled words."""
    facts = [("vectors", f"{index.rows:,} of {index.dimension:,} dimensions")]
    if index.plan == "exact":
        why = "few enough" if index.shelf == "shared" else "its index is not ready"
        return [*facts, ("searched", f"exactly, one by one: {why}")]
    state = "valid" if index.is_valid else "not valid"
    return [
        *facts,
        ("searched", f"by an HNSW index that holds them as {index.precision} ({state})"),
        ("size", f"index {in_mib(index.index_bytes)}, table {in_mib(index.table_bytes)}"),
        ("dead rows", f"{index.dead_rows:,} ({index.dead_share:.0%})"),
        ("built as", index.definition or "by an older release"),
    ]


def forecast_of(forecast: Forecast) -> list[tuple[str, str]]:
    """Return what a rebuild would take as labelled words."""
    needed, given = forecast.memory_needed_bytes, forecast.memory_given_bytes
    fits = "it fits" if forecast.fits_in_memory else "too little, the rest is linked on disk"
    free = forecast.disk_free_bytes
    room = "how much is free cannot be known from here" if free is None else f"{in_mib(free)} free"
    return [
        ("time", f"about {words.duration(forecast.seconds)} for {forecast.rows:,} rows"),
        ("memory", f"{in_mib(needed)} needed, {in_mib(given)} given: {fits}"),
        ("disk", f"{in_mib(forecast.disk_needed_bytes)} while it is built, {room}"),
    ]
