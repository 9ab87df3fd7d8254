"""Chatting with an endpoint: repeated where that may help, and failing in plain words."""

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any

import httpx
import orjson

from embedhub.answers.generator import GenerationBusy
from embedhub.answers.llm import pieces
from embedhub.answers.llm.beats import with_beats
from embedhub.answers.llm.connection import Call, post
from embedhub.answers.llm.endpoint import Endpoint
from embedhub.answers.llm.faults import (
    FAULTS,
    Empty,
    Refusal,
    TooLong,
    failure,
    retry_after,
    wait_before,
)
from embedhub.config import get_config

logger = logging.getLogger(__name__)

MAX_ERROR_BYTES = 1 << 16
MAX_JSON_BYTES = 1 << 24
BUSY_RETRY_S = 2.0
# Newer language models know the limit of an answer by another name.
TOKENS, NEWER_TOKENS = "max_tokens", "max_completion_tokens"

Message = Mapping[str, str]


@lru_cache(maxsize=1)
def places() -> BoundedSemaphore:
    """Return what bounds the calls at once: half of the web threads stay free for the rest."""
    config = get_config()
    return BoundedSemaphore(config.llm_calls or max(1, config.web_threads // 2))


def stream_chat(endpoint: Endpoint, messages: Sequence[Message]) -> Iterator[str]:
    """Yield an endpoint's answer bit by bit, "" while it is silent; closing ends the call.

    What was refused as too many, or failed before the first bit, is tried again. Raises
    GenerationBusy while as many calls as may at once are under way, GenerationFailed, also amid
    the answer, and Disconnected once this thread's client has left.
    """
    if not places().acquire(blocking=False):
        told = "as many answers as this server writes at once are under way; try again"
        raise GenerationBusy(told, retry_after_s=BUSY_RETRY_S)
    try:
        yield from _in_words(endpoint, messages)
    finally:
        places().release()


def complete_chat(endpoint: Endpoint, messages: Sequence[Message]) -> str:
    """Return an endpoint's whole answer; raises what `stream_chat` raises."""
    return "".join(stream_chat(endpoint, messages))


def _in_words(endpoint: Endpoint, messages: Sequence[Message]) -> Iterator[str]:
    try:
        yield from _repeated(endpoint, messages)
    except FAULTS as error:
        # Neither the error itself nor what the endpoint said: it may repeat the key or the texts.
        facts = {"fault": type(error).__name__, "status": getattr(error, "status", None)}
        logger.warning("no answer from the language model", extra=facts)
        raise failure(error, endpoint) from error


def _repeated(endpoint: Endpoint, messages: Sequence[Message]) -> Iterator[str]:
    """Yield the answer of the first attempt that succeeds, and "" while nothing comes."""
    call = Call()
    attempts = _attempts(endpoint, messages, call)
    beats = with_beats(attempts, every_s=get_config().stream_beat_s, end=call.end)
    with call.endings(endpoint.total_s), closing(beats):
        yield from beats


def _attempts(
    endpoint: Endpoint, messages: Sequence[Message], call: Call
) -> Generator[str, None, None]:
    """Yield the answer of the first attempt that succeeds; raises what the last one raised."""
    body = chat_body(endpoint, messages)
    attempt = 0
    while True:
        n_chars = 0
        try:
            with closing(_attempt(endpoint, body, call)) as texts:
                for text in texts:
                    n_chars += len(text)
                    if n_chars > endpoint.max_chars:
                        raise TooLong
                    yield text
            if not n_chars:
                raise Empty
        except FAULTS as error:
            call.raise_if_ended(error)
            if wants_newer_tokens(error, body):
                body[NEWER_TOKENS] = body.pop(TOKENS)
                continue
            wait_s = wait_before(error, attempt, endpoint.retry_base_s)
            attempt += 1
            if n_chars or wait_s is None or attempt >= endpoint.attempts:
                raise
            call.wait(wait_s)
            call.raise_if_ended(error)
        else:
            return


def chat_body(endpoint: Endpoint, messages: Sequence[Message]) -> dict[str, Any]:
    """Return the body of a chat; what nobody has set is left to the endpoint."""
    body: dict[str, Any] = {
        "model": endpoint.name,
        "messages": list(messages),
        "stream": True,
        TOKENS: endpoint.max_tokens,
    }
    if endpoint.temperature is not None:
        body["temperature"] = endpoint.temperature
    return body


def wants_newer_tokens(error: Exception, body: Mapping[str, Any]) -> bool:
    """Say whether an endpoint refused a chat because of the name of its limit."""
    return (
        isinstance(error, Refusal)
        and error.status == httpx.codes.BAD_REQUEST
        and NEWER_TOKENS in error.words
        and TOKENS in body
    )


def _attempt(endpoint: Endpoint, body: Mapping[str, Any], call: Call) -> Generator[str, None, None]:
    with post(endpoint, body, call) as response:
        if response.status_code != httpx.codes.OK:
            raise _refusal(response, endpoint)
        if response.headers.get("Content-Type", "").startswith("application/json"):
            # Some endpoints do not stream.
            texts: Iterator[str] = iter([pieces.read_completion(_read(response, MAX_JSON_BYTES))])
        else:
            texts = pieces.pieces_of(pieces.lines_of(response.iter_bytes()))
        yield from pieces.without_thoughts(texts)


def _refusal(response: httpx.Response, endpoint: Endpoint) -> Refusal:
    try:
        said = pieces.error_words(
            orjson.loads(_read(response, MAX_ERROR_BYTES)), limit=MAX_ERROR_BYTES
        )
    except (ValueError, httpx.HTTPError, pieces.Garbled):
        said = ""
    if endpoint.api_key:
        said = said.replace(endpoint.api_key, "***")
    asked = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    return Refusal(response.status_code, said, asked)


def _read(response: httpx.Response, limit: int) -> bytes:
    read = bytearray()
    for chunk in response.iter_bytes():
        read += chunk
        if len(read) > limit:
            raise pieces.Garbled(f"the answer has more than {limit:,} bytes")
    return bytes(read)
