"""Reading bodies: JSON that PostgreSQL can store, and lines of any number in bounded memory."""

import hashlib
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

import orjson
from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import BaseModel, ConfigDict

from embedhub.config import get_config
from embedhub.errors import InvalidInput

READ_BYTES = 1 << 18
# An import that must be read twice waits on disk beyond this.
SPOOL_BYTES = 1 << 23


class RequestBody(BaseModel):
    """A JSON body: unknown fields and wrong types are refused, nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AnswerBody(BaseModel):
    """What an endpoint answers, for the OpenAPI document; a test holds the two together."""

    model_config = ConfigDict(extra="forbid")


class JsonParser(Parser):
    """How the API reads JSON bodies."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the decoded body; raises InvalidInput."""
        return parse_json(request.body)


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text that holds no NUL character; raises InvalidInput.

    NaN, invalid UTF-8, lone surrogates and nesting beyond about 1,000 are not JSON here.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"is not valid JSON: {error}", "body") from None
    if b"\\u0000" in body:
        field = find_nul(value)
        if field is not None:
            raise InvalidInput("must not hold a NUL character", field)
    return value


def find_nul(value: object) -> str | None:
    """Return the path of a string, or of an object whose key, holds a NUL character."""
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, str) and "\x00" in found:
            return path or "body"
        if isinstance(found, dict):
            if any("\x00" in key for key in found):
                return path or "body"
            waiting += [(f"{path}.{key}".lstrip("."), inner) for key, inner in found.items()]
        elif isinstance(found, list):
            waiting += [(f"{path}.{place}".lstrip("."), inner) for place, inner in enumerate(found)]
    return None


class Lines:
    """The lines of a stream, one at a time, none longer than `limit` bytes.

    A longer line is passed over: an empty object stands in its place, which no document is, and
    its number (from 1) is in `too_long`.
    """

    STAND_IN = b"{}"

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self.too_long: set[int] = set()
        self._chunks = chunks
        self.limit = limit

    def __iter__(self) -> Iterator[bytes]:
        number, n_bytes = 1, 0
        kept: list[bytes] = []
        for chunk in self._chunks:
            for place, piece in enumerate(chunk.split(b"\n")):
                if place:
                    yield self._line(number, kept, n_bytes)
                    number, kept, n_bytes = number + 1, [], 0
                n_bytes += len(piece)
                if n_bytes <= self.limit:
                    kept.append(piece)
        if n_bytes:
            yield self._line(number, kept, n_bytes)

    def _line(self, number: int, kept: list[bytes], n_bytes: int) -> bytes:
        if n_bytes > self.limit:
            self.too_long.add(number)
            return self.STAND_IN
        return b"".join(kept)


def body_lines(request: HttpRequest) -> Lines:
    """Return the lines of a request's body, read as they are asked for."""
    stream = getattr(request, "spooled_body", request)
    return Lines(_chunks(stream), get_config().max_body_bytes)


def spool(request: HttpRequest) -> bytes:
    """Read a request's body to a temporary file and return its SHA-256; the body can be read on."""
    digest = hashlib.sha256()
    # Closed, and so deleted, when the request is let go.
    spooled = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115
    for chunk in _chunks(request):
        digest.update(chunk)
        spooled.write(chunk)
    spooled.seek(0)
    request.spooled_body = spooled  # type: ignore[attr-defined]
    return digest.digest()


def _chunks(stream: HttpRequest | IO[bytes]) -> Iterator[bytes]:
    while chunk := cast("IO[bytes]", stream).read(READ_BYTES):
        yield chunk
