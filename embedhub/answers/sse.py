"""Events of an answer as server-sent events; pure."""

import orjson

from embedhub.answers.events import (
    AnswerEvent,
    CitationMade,
    Delta,
    Done,
    Failed,
    SourcesFound,
    Waiting,
)

CONTENT_TYPE = "text/event-stream"
# Readers pass over comments; a proxy sees that the answer is still being made.
COMMENT = b": waiting\n\n"


def frame(name: str | None, payload: object) -> bytes:
    """Return one event: its name, if it has one, and JSON that fills a single line."""
    data = b"data: " + orjson.dumps(payload, option=orjson.OPT_UTC_Z) + b"\n\n"
    return data if name is None else f"event: {name}\n".encode() + data


def frame_of(event: AnswerEvent) -> bytes:
    """Return an event of an answer."""
    match event:
        case SourcesFound(request_id=request_id, question=question, sources=sources):
            found = {"request_id": request_id, "question": question, "sources": sources}
            return frame("sources", found)
        case Delta(text=text):
            return frame("delta", {"text": text})
        case Waiting():
            return COMMENT
        case CitationMade(citation=citation):
            return frame("citation", citation)
        case Done(answer=answer):
            return frame("done", answer)
        case Failed(code=code, message=message, retry_after_s=retry_after_s):
            return error_frame(code, message, retry_after_s)


def error_frame(code: str, message: str, retry_after_s: float | None = None) -> bytes:
    """Return the event that ends a stream without an answer."""
    return frame("error", {"code": code, "message": message, "retry_after_s": retry_after_s})
