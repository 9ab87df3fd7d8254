"""Answers as a stream of server-sent events, for the views that offer them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from embedhub.access.caller import Caller
from embedhub.answers import conversing
from embedhub.answers.conversing import Kept
from embedhub.answers.request import AnswerRequest
from embedhub.answers.sse import CONTENT_TYPE, error_frame, frame, frame_of
from embedhub.web.streams import streamed

AnswerJson = Callable[[Kept], Mapping[str, Any]]

# For the OpenAPI document.
DOCUMENTATION = {
    "responses": {
        200: {
            "content": {
                CONTENT_TYPE: {
                    "schema": {"type": "string"},
                    "example": 'event: delta\ndata: {"text": "Whales are mammals [1]."}\n\n',
                }
            }
        }
    }
}


def stream_answer(
    request: HttpRequest,
    caller: Caller,
    slugs: Sequence[str],
    asked: AnswerRequest,
    *,
    conversation: str | None,
    answer_json: AnswerJson,
) -> StreamingHttpResponse:
    """Return an answer event by event: sources, delta, citation, then done or error.

    `answer_json` writes the data of done. Raises, before anything is sent, what
    `conversing.stream` raises.
    """
    events = conversing.stream(caller, slugs, asked, conversation=conversation)
    return streamed(
        request,
        frames(events, answer_json),
        content_type=CONTENT_TYPE,
        on_error=lambda problem: error_frame(problem["code"], problem["detail"]),
    )


def frames(events: Any, answer_json: AnswerJson) -> Iterator[bytes]:
    """Yield the events of `conversing.stream` as they are sent."""
    with closing(events):
        for event in events:
            if isinstance(event, Kept):
                yield frame("done", answer_json(event))
            else:
                yield frame_of(event)
