"""Answers that are sent while they come about."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.http import HttpRequest, StreamingHttpResponse

from embedhub.disconnects import Disconnected
from embedhub.web.problems import answer


def streamed(
    request: HttpRequest,
    frames: Iterator[bytes],
    *,
    content_type: str,
    on_error: Callable[[dict[str, Any]], bytes],
) -> StreamingHttpResponse:
    """Return an answer sent frame by frame.

    The status has been sent by then, so an error is a frame too: `on_error` makes it of the
    problem. When the client leaves, `frames` is closed.
    """
    response = StreamingHttpResponse(_guarded(request, frames, on_error), content_type=content_type)
    # A proxy that collects an answer before it passes it on would undo all this.
    response["X-Accel-Buffering"] = "no"
    return response


def _guarded(
    request: HttpRequest, frames: Iterator[bytes], on_error: Callable[[dict[str, Any]], bytes]
) -> Iterator[bytes]:
    try:
        yield from frames
    except Disconnected:
        return
    except Exception as error:  # whatever it is, the client must see that it broke
        request.is_answer_broken = True  # type: ignore[attr-defined]
        yield on_error(orjson.loads(answer(request, error).content))
