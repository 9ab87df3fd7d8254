"""A collection's chunking in words, and changing it by a run."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminTextInputWidget

from embedhub.access.caller import Caller
from embedhub.collections import service
from embedhub.collections.service import CollectionChanges
from embedhub.console import audit, models, queries, words
from embedhub.console.pages.layout import PickField, add_reason, page
from embedhub.console.permissions import demand, may
from embedhub.documents.chunking import Chunking, ChunkingStrategy
from embedhub.encoders import SUPPLIED
from embedhub.errors import HubError
from embedhub.evaluation.setting import Setting
from embedhub.evaluation.trials import save_trial
from embedhub.runs.kinds import RunKind

PERMISSION = "rechunk_collection"
STRATEGIES = [
    (
        ChunkingStrategy.PASSAGES.value,
        "passages: as full as fits, along headings, lists, tables and code",
    ),
    (ChunkingStrategy.SENTENCE_WINDOW.value, "sentences: each alone, shown with its neighbours"),
    (ChunkingStrategy.DOCUMENT.value, "documents: one that covers everything"),
]
# Which numbers a strategy knows.
NUMBERS = {
    ChunkingStrategy.PASSAGES: ("max_tokens", "overlap_tokens"),
    ChunkingStrategy.SENTENCE_WINDOW: ("max_tokens", "window_sentences"),
    ChunkingStrategy.DOCUMENT: (),
}


def _number(label: str, help_text: str) -> forms.IntegerField:
    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label=label, required=False, widget=widget, help_text=help_text)


class ChunkingForm(forms.Form):
    """How documents become passages; what is left empty is as by default."""

    strategy = PickField(choices=STRATEGIES, label="Documents become")
    max_tokens = _number(
        "Tokens of a passage, at most",
        "Counted by the collection's encoder. Of passages and sentences.",
    )
    overlap_tokens = _number(
        "Tokens that neighbours share, at most", "Of passages only; 0 measured best."
    )
    window_sentences = _number(
        "Sentences before and behind one", "Of sentences only: what is shown around the one found."
    )

    def wanted(self) -> dict[str, Any]:
        """Return the setting that the form describes, without numbers of other strategies."""
        given = self.cleaned_data
        strategy = ChunkingStrategy(given["strategy"])
        numbers = {name: given[name] for name in NUMBERS[strategy] if given[name] is not None}
        return {"strategy": strategy.value, **numbers}


def chunking_page(request: HttpRequest, model_admin: Any, collection_id: int) -> HttpResponse:
    """Show how documents are chunked; a POST changes it or tries another one, by a run."""
    demand(request, "view_collection")
    row: Any = models.Collection.objects.filter(pk=collection_id, deleted_at__isnull=True).first()
    if row is None:
        raise Http404
    form = ChunkingForm(request.POST or None, initial=row.chunking)
    if request.method == "POST":
        demand(request, PERMISSION)
        work = try_beside if "try" in request.POST else change
        if form.is_valid() and (answer := work(request, row, form)) is not None:
            return answer
    figures = queries.collection_progress([row.pk])[row.pk]
    context = {
        "title": f"Chunking of {row.slug}",
        "row": row,
        "form": form,
        "now": setting_words(row.chunking),
        "n_documents": documents_of(figures.n_documents),
        "is_empty": not figures.n_documents,
        "n_chunks": words.plural(figures.n_chunks, "passage"),
        "run_id": running(row),
        "is_supplied": row.encoder == SUPPLIED,
        "may_change": may(request, PERMISSION) and row.encoder != SUPPLIED,
    }
    return page(request, model_admin, "console/chunking.html", context)


def change(request: HttpRequest, row: Any, form: ChunkingForm) -> HttpResponse | None:
    """Change the chunking and lead to the run; None if it was refused, with the reason told."""
    wanted = form.wanted()
    caller = Caller.for_workspace(row.workspace_id)
    try:
        changed, run_id = service.update_collection(
            caller, row.slug, CollectionChanges(chunking=wanted)
        )
    except HubError as error:
        add_reason(form, error)
        return None
    if run_id is None:
        messages.info(request, "Nothing was changed: documents are chunked like this already.")
        return redirect("admin:console_chunking", row.pk)
    audit.record(
        request,
        "change chunking",
        subject="collection",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"chunking": changed.chunking, "before": row.chunking, "run": run_id},
    )
    messages.success(
        request,
        f"Documents of {row.slug} now become {setting_words(changed.chunking)}. Those there are"
        " parted anew by this run.",
    )
    return redirect("admin:console_run_change", run_id)


def try_beside(request: HttpRequest, row: Any, form: ChunkingForm) -> HttpResponse | None:
    """Save the chunking as a variant and lead to the run that fills it; None if it was refused."""
    wanted = form.wanted()
    name = setting_words(Chunking.from_mapping(wanted).as_mapping())
    caller = Caller.for_workspace(row.workspace_id)
    try:
        variant = save_trial(caller, row.slug, Setting(name, chunking=wanted))
    except HubError as error:
        add_reason(form, error)
        return None
    audit.record(
        request,
        "try chunking",
        subject="collection",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"variant": name, "beside": variant.setting["collection"]},
    )
    messages.success(
        request,
        f"This run fills the collection {variant.setting['collection']} with {name}. When it has"
        f" ended, compare it with what is live; the variant “{name}” can then be made live.",
    )
    return redirect("admin:console_run_change", variant.facts["run_id"])


def documents_of(count: int) -> str:
    """Return a bounded count in words: "1 document", "more than 10,000 documents"."""
    number = words.bounded(count, queries.COUNT_BOUND)
    return f"{number} document" if count == 1 else f"{number} documents"


def running(row: Any) -> int | None:
    """Return the newest unfinished run that parts the documents of a collection anew."""
    runs: Any = models.Run.objects.filter(
        workspace=row.workspace_id,
        kind=RunKind.RECHUNK_DOCUMENTS.value,
        status__in=("queued", "running"),
        arguments__collection_id=row.pk,
    )
    ident: int | None = runs.order_by("-id").values_list("id", flat=True).first()
    return ident


def setting_words(stored: Mapping[str, Any]) -> str:
    """Return a chunking in words, such as "passages of at most 200 tokens, without overlap"."""
    setting = Chunking.from_mapping(stored)
    match setting.strategy:
        case ChunkingStrategy.DOCUMENT:
            return "one passage each"
        case ChunkingStrategy.SENTENCE_WINDOW:
            around = words.plural(setting.window_sentences, "sentence")
            return f"single sentences of at most {setting.max_tokens:,} tokens, {around} around"
    shared = setting.overlap_tokens
    overlap = f"sharing up to {shared:,} with their neighbours" if shared else "without overlap"
    return f"passages of at most {setting.max_tokens:,} tokens, {overlap}"
