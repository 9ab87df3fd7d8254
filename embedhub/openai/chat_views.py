"""The REST of chats over OpenAI's protocol: a question to a collection, whole or streamed."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.answers import service
from embedhub.answers.events import Delta, Done, Failed, Waiting
from embedhub.answers.generator import GenerationBusy
from embedhub.answers.request import Answer, AnswerRequest
from embedhub.answers.sse import COMMENT, CONTENT_TYPE, frame
from embedhub.config import get_config
from embedhub.errors import InvalidInput
from embedhub.openai import completions
from embedhub.openai.completions import Completion
from embedhub.openai.schemas import ChatIn, ChatOut
from embedhub.web.authentication import narrowed_caller
from embedhub.web.protocol import openai_error
from embedhub.web.responses import respond
from embedhub.web.streams import streamed

router = Router(tags=["OpenAI's protocol"])

END = b"data: [DONE]\n\n"
BAD_GATEWAY, TOO_MANY_REQUESTS = 502, 429
DOCUMENTATION = {
    "responses": {200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}},
}


@router.post(
    "/chat/completions",
    response=ChatOut,
    summary="Chat with a collection",
    openapi_extra=DOCUMENTATION,
)
def create_chat_completion(request: HttpRequest, body: ChatIn) -> HttpResponseBase:
    """Answer the last message from the collection named as `model`, as OpenAI's clients ask.

    Several collections are named with commas between. Earlier messages of user and assistant make
    the last one a question of its own; those of system and tools are passed over, since answers
    come from the documents alone. Without a language model the answer is sentences of them.
    """
    caller = narrowed_caller(request, Scope.READ, body.principals)
    slugs = completions.slugs_of(body.model)
    if body.n not in {None, 1}:
        raise InvalidInput("must be 1: one answer is made", "n")
    messages = [message.model_dump() for message in body.messages]
    asked = completions.request_of(
        messages, max_messages=get_config().max_chat_messages, filter=body.filter
    )
    completion = Completion.begun(body.model, time.time())
    with completions.named_as_in_chats(messages):
        if body.stream:
            events = service.stream(caller, slugs, asked)
            return streamed(
                request,
                chunks(events, body, completion, asked),
                content_type=CONTENT_TYPE,
                on_error=lambda problem: frame(None, {"error": openai_error(problem)}),
            )
        made = service.answer(caller, slugs, asked)
    text = made.text + tail(body, made)
    usage = completions.usage_of(asked, text)
    return respond(completions.whole(completion, text, answer=evidence(made), usage=usage))


def chunks(
    events: Any, body: ChatIn, completion: Completion, asked: AnswerRequest
) -> Iterator[bytes]:
    """Yield the events of an answer as the chunks of a streamed completion."""
    text = ""
    with closing(events):
        yield frame(None, completions.first_chunk(completion))
        for event in events:
            match event:
                case Delta():
                    text += event.text
                    yield frame(None, completions.text_chunk(completion, event.text))
                case Waiting():
                    yield COMMENT
                case Failed():
                    yield frame(None, {"error": openai_error(problem_of(event))})
                    return
                case Done(answer=made):
                    if sources := tail(body, made):
                        text += sources
                        yield frame(None, completions.text_chunk(completion, sources))
                    yield frame(None, completions.last_chunk(completion, evidence(made)))
    if body.stream_options is not None and body.stream_options.include_usage:
        usage = completions.usage_of(asked, text)
        yield frame(None, completions.usage_chunk(completion, usage))
    yield END


def tail(body: ChatIn, made: Answer) -> str:
    """Return what the text of an answer ends with: its sources, if they are wanted."""
    return completions.sources_text(made.citations) if body.append_sources else ""


def evidence(made: Answer) -> dict[str, Any]:
    """Return what OpenAI's protocol has no field for."""
    return {
        "request_id": made.request_id,
        "found": made.found,
        "question": made.question,
        "method": made.method,
        "supported": made.is_supported,
        "citations": [asdict(citation) for citation in made.citations],
    }


def problem_of(failed: Failed) -> Mapping[str, Any]:
    """Return a failure amid an answer as the problem it would have been before it."""
    status = TOO_MANY_REQUESTS if failed.code == GenerationBusy.code else BAD_GATEWAY
    return {"status": status, "detail": failed.message, "code": failed.code}
