"""A streamed chat completion as its pieces of text; pure.

The stream is that of the OpenAI protocol: server-sent events whose data are JSON, the last one
[DONE]. Endpoints differ: some send no [DONE], some put errors into the stream with status 200.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

# Stands behind an answer that the endpoint cut at its limit of tokens.
CUT = " …"
THOUGHTS, THOUGHTS_END = "<think>", "</think>"
# A line of an honest stream has some hundred bytes.
MAX_LINE_BYTES = 1 << 20


class Garbled(Exception):
    """What came is not a chat completion; the text says what is wrong with it."""


class BrokenOff(Exception):
    """The stream ended before the answer did."""


class RefusedInStream(Exception):
    """The endpoint reported an error where text was to come; the text is the endpoint's."""


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream without their ends; raises Garbled for one without an end."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise Garbled("a line of the stream does not end")
        yield from (line.rstrip(b"\r") for line in lines)
    if rest:
        yield rest.rstrip(b"\r")


def pieces_of(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the pieces of text of a streamed completion.

    Raises Garbled, RefusedInStream, and BrokenOff if it ends without saying that it is complete.
    """
    is_complete = False
    for line in lines:
        if not line.startswith(b"data:"):
            _refuse_if_not_an_event(line)
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        text, reason = read_chunk(data)
        is_complete = is_complete or reason is not None
        if reason == "length":
            text += CUT
        if text:
            yield text
    if not is_complete:
        raise BrokenOff


def _refuse_if_not_an_event(line: bytes) -> None:
    known = (b":", b"event:", b"id:", b"retry:")
    if line and not line.startswith(known):
        raise Garbled("the stream holds a line that is no event")


def without_thoughts(texts: Iterable[str]) -> Iterator[str]:
    """Yield an answer without the thoughts that some language models write before it."""
    begun = ""
    rest = iter(texts)
    for text in rest:
        begun += text
        if not THOUGHTS.startswith(begun.lstrip()[: len(THOUGHTS)]):
            yield begun
            break
        if begun.lstrip().startswith(THOUGHTS):
            _, end, answer = begun.partition(THOUGHTS_END)
            if not end:
                # What is thought is not kept, but for what may be the beginning of its end.
                begun = THOUGHTS + begun[-len(THOUGHTS_END) :]
                continue
            if answer.strip():
                yield answer.lstrip()
                break
            begun = THOUGHTS + THOUGHTS_END
    else:
        if begun and not begun.lstrip().startswith(THOUGHTS):
            yield begun
    yield from rest


def read_chunk(data: bytes) -> tuple[str, str | None]:
    """Return a chunk's text and why the answer ends with it, None if it goes on."""
    choice = _first_choice(_parse(data))
    if choice is None:
        return "", None
    delta = choice.get("delta")
    if delta is None:
        delta = {}
    if not isinstance(delta, dict):
        raise Garbled("a chunk of the stream has another shape")
    return _text(delta.get("content")), _reason(choice)


def read_completion(data: bytes) -> str:
    """Return the text of a completion that was not streamed; raises Garbled, RefusedInStream."""
    choice = _first_choice(_parse(data))
    message = None if choice is None else choice.get("message")
    if not isinstance(message, dict):
        raise Garbled("the answer holds no message")
    return _text(message.get("content"))


def _parse(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Garbled("what came is not JSON") from None
    if not isinstance(value, dict):
        raise Garbled("what came is not an object")
    if value.get("error"):
        raise RefusedInStream(error_words(value, limit=MAX_LINE_BYTES))
    return value


def _first_choice(value: dict[str, Any]) -> dict[str, Any] | None:
    choices = value.get("choices")
    if not isinstance(choices, list):
        raise Garbled("what came is no chat completion")
    # The last chunk of a stream may hold the counts of tokens alone.
    if not choices:
        return None
    if not isinstance(choices[0], dict):
        raise Garbled("what came is no chat completion")
    return choices[0]


def _text(content: object) -> str:
    if content is None:
        return ""
    if not isinstance(content, str):
        raise Garbled("the answer's text is no text")
    # PostgreSQL stores no NUL, JSON of ours no lone surrogate.
    return content.replace("\x00", "").encode("utf-8", "replace").decode()


def _reason(choice: dict[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else None


def error_words(value: object, limit: int = 300) -> str:
    """Return what an endpoint's error says, in one line; empty if it says nothing."""
    if isinstance(value, dict):
        value = value.get("error", value)
    if isinstance(value, dict):
        value = value.get("message") or value.get("detail") or ""
    words = " ".join(str(value).split()) if isinstance(value, str) else ""
    return words if len(words) <= limit else words[: limit - 1] + "…"
