"""The REST of answers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.answers import conversing
from embedhub.answers.conversing import Kept
from embedhub.answers.request import Answer, AnswerRequest, CheckedSentence, Method, Role, Turn
from embedhub.answers.schemas import AnswerIn, AnswerOut, CollectionsAnswerIn
from embedhub.answers.stream_view import DOCUMENTATION, stream_answer
from embedhub.web.authentication import narrowed_caller
from embedhub.web.responses import respond

router = Router(tags=["answers"])


@router.post(
    "/collections/{slug}/answers",
    response=AnswerOut,
    summary="Ask a collection",
    openapi_extra=DOCUMENTATION,
)
def answer_from_collection(request: HttpRequest, slug: str, body: AnswerIn) -> HttpResponseBase:
    """Answer a question with citations, every sentence checked against what it cites.

    With `stream` the answer comes as server-sent events: sources, delta, citation, and at the end
    done, whose data is what is answered without `stream`, or error.
    """
    return answered(request, [slug], body)


@router.post(
    "/answers",
    response=AnswerOut,
    summary="Ask several collections",
    openapi_extra=DOCUMENTATION,
)
def answer_from_collections(request: HttpRequest, body: CollectionsAnswerIn) -> HttpResponseBase:
    """Answer a question from several collections at once, also as a stream of events."""
    return answered(request, body.collections, body)


def answered(request: HttpRequest, slugs: Sequence[str], body: AnswerIn) -> HttpResponseBase:
    """Return the answer, whole or event by event."""
    caller = narrowed_caller(request, Scope.READ, body.principals)
    asked, conversation = request_of(body), body.conversation
    if body.stream:
        return stream_answer(
            request, caller, slugs, asked, conversation=conversation, answer_json=kept_of
        )
    return respond(kept_of(conversing.answer(caller, slugs, asked, conversation=conversation)))


def request_of(body: AnswerIn) -> AnswerRequest:
    """Return what a body asks for; principals narrow the caller instead."""
    return AnswerRequest(
        question=body.question,
        method=Method(body.method),
        filter=body.filter,
        language=body.language,
        weights=None if body.weights is None else {"dense": body.weights.dense},
        max_citations=body.max_citations,
        max_words=body.max_words,
        context_tokens=body.context_tokens,
        min_evidence=body.min_evidence,
        history=tuple(Turn(Role(turn.role), turn.text) for turn in body.history),
    )


def kept_of(kept: Kept) -> dict[str, Any]:
    """Return an answer as its JSON, with the conversation it was stored in."""
    return {**answer_of(kept.answer), "conversation": kept.conversation_id}


def answer_of(found: Answer) -> dict[str, Any]:
    """Return an answer as its JSON."""
    return {
        "request_id": found.request_id,
        "question": found.question,
        "method": found.method,
        "found": found.found,
        "text": found.text,
        "supported": found.is_supported,
        "sentences": [sentence_of(one, found.text) for one in found.sentences],
        "citations": found.citations,
        "nearest": [asdict(source) for source in found.nearest],
        "evidence": found.evidence,
        "min_evidence": found.min_evidence,
        "complete": found.complete,
        "notes": found.notes,
        "took": found.took,
    }


def sentence_of(checked: CheckedSentence, text: str) -> dict[str, Any]:
    """Return a checked sentence with its text."""
    span = checked.span
    return {
        "start": span.start,
        "end": span.end,
        "text": text[span.start : span.end],
        "citations": checked.citations,
        "supported": checked.is_supported,
        "lexical": checked.lexical,
        "semantic": checked.semantic,
    }
