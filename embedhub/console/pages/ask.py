"""Asking from the console: a question, the answer, and every citation a link to its passage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from embedhub.access.caller import Caller
from embedhub.answers.check import MARK
from embedhub.answers.generator import GenerationFailed
from embedhub.answers.request import (
    Answer,
    AnswerRequest,
    CheckedSentence,
    Citation,
    Method,
    Source,
)
from embedhub.answers.service import answer
from embedhub.console import models
from embedhub.console.pages.layout import PickField, add_reason, page
from embedhub.console.pages.search import SearchForm
from embedhub.console.permissions import demand, may
from embedhub.errors import HubError

METHODS = [
    (Method.AUTO.value, "language model, if there is one"),
    (Method.EXTRACTIVE.value, "sentences of the documents"),
]
MAX_QUOTE_CHARS = 400
UNSUPPORTED = "not backed by what it cites"


class AskForm(SearchForm):
    """What to ask, and where; filter and principals as in a search."""

    method = PickField(choices=METHODS, initial=Method.AUTO.value, required=False, label="Words")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].label = "Question"

    def question(self) -> AnswerRequest:
        """Return the question that the form describes."""
        given = self.cleaned_data
        return AnswerRequest(
            question=given["q"],
            method=Method(given["method"] or Method.AUTO),
            filter=given["filter"],
            principals=given["principals"],
        )


@dataclass(frozen=True, slots=True)
class ShownCitation:
    """A citation in words, with the address of its passage; no address if the document is gone."""

    number: int
    title: str
    external_id: str
    place: str
    quote: str
    url: str


def ask_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "view_document")
    is_asked = "q" in request.GET
    form = AskForm(request.GET if is_asked else None, collection=request.GET.get("collection", ""))
    context: dict[str, Any] = {"title": "Ask", "form": form}
    if is_asked and form.is_valid() and form.cleaned_data["q"].strip():
        collection: Any = models.Collection.objects.get(pk=form.cleaned_data["collection"])
        try:
            found = answer(
                Caller.for_workspace(collection.workspace_id), [collection.slug], form.question()
            )
        except GenerationFailed as error:
            form.add_error(None, f"The language model gave no answer: {error.message}")
            context["sources"] = shown(error.sources, collection)
        except HubError as error:
            add_reason(form, error)
        else:
            context |= shown_answer(found, collection)
            context["workspace_id"] = collection.workspace_id
            context["may_set_up_llm"] = (
                may(request, "set_up_llm") and form.question().method is Method.AUTO
            )
    elif is_asked and form.is_valid():
        form.add_error("q", "Type a question.")
    return page(request, model_admin, "console/ask.html", context)


def shown_answer(found: Answer, collection: Any) -> dict[str, Any]:
    """Return what the template shows of an answer."""
    citations = shown(found.citations, collection)
    urls = {one.number: one.url for one in citations}
    return {
        "answer": found,
        "text": linked(found.text, found.sentences, urls),
        "citations": citations,
        "nearest": shown(found.nearest, collection),
        "n_unsupported": sum(not one.is_supported for one in found.sentences),
        "percent": round(100 * found.evidence),
        "needed": round(100 * found.min_evidence),
        "seconds": f"{found.took.total / 1000:.1f}",
    }


def shown(cited: Sequence[Citation | Source], collection: Any) -> list[ShownCitation]:
    """Return citations or sources with the addresses of their passages: one query for all."""
    rows = models.Document.objects.filter(
        collection=collection.pk, external_id__in=[one.external_id for one in cited]
    )
    idents: dict[str, int] = dict(rows.values_list("external_id", "pk"))
    return [
        ShownCitation(
            number=one.number,
            title=one.title or one.external_id,
            external_id=one.external_id,
            place=place_of(one),
            quote=quote_of(one.text),
            url=passage_url(idents.get(one.external_id), one),
        )
        for one in cited
    ]


def passage_url(document_id: int | None, one: Citation | Source) -> str:
    """Return the address of a passage on its document's page, empty if there is no document."""
    if document_id is None:
        return ""
    query = urlencode({"version": one.version, "start": one.start, "end": one.end})
    return f"{reverse('admin:console_document_change', args=[document_id])}?{query}#cited"


def place_of(one: Citation | Source) -> str:
    """Return where in its document a range stands, in words."""
    characters = f"characters {one.start:,}–{one.end:,} of version {one.version}"
    return characters if one.page is None else f"page {one.page}, {characters}"


def quote_of(text: str) -> str:
    """Return a passage cut to a few lines."""
    plain = " ".join(text.split())
    return plain if len(plain) <= MAX_QUOTE_CHARS else f"{plain[:MAX_QUOTE_CHARS].rstrip()} …"


def linked(text: str, sentences: Sequence[CheckedSentence], urls: Mapping[int, str]) -> SafeString:
    """Return an answer with its marks as links, and what is not supported marked as such."""
    pieces: list[SafeString] = []
    end = 0
    for one in sentences:
        pieces.append(_with_links(text[end : one.span.start], urls))
        said = _with_links(text[one.span.start : one.span.end], urls)
        if not one.is_supported:
            said = format_html(
                '<span class="eh-unsupported">{} <span class="eh-label eh-warn">{}</span></span>',
                said,
                UNSUPPORTED,
            )
        pieces.append(said)
        end = one.span.end
    pieces.append(_with_links(text[end:], urls))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _with_links(text: str, urls: Mapping[int, str]) -> SafeString:
    pieces: list[object] = []
    end = 0
    for mark in MARK.finditer(text):
        pieces.append(text[end : mark.start()])
        pieces += [_mark(int(number), urls) for number in mark[1].split(",")]
        end = mark.end()
    pieces.append(text[end:])
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _mark(number: int, urls: Mapping[int, str]) -> object:
    url = urls.get(number)
    if not url:
        return f"[{number}]"
    return format_html(
        '<a class="eh-mark" href="{}" aria-label="citation {}">{}</a>', url, number, number
    )
