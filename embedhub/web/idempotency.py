"""Idempotency-Key: a request sent twice is carried out once and answered twice.

Only answers below 400 are kept: a request that failed wrote nothing, so its key is free again. A
key belongs to a workspace, and to the API key and the request it was first sent with.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from http import HTTPStatus
from typing import Any, TypedDict, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja.operation import Operation
from sqlalchemy.exc import SQLAlchemyError

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.errors import Conflict, InvalidInput
from embedhub.web import queries

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEY_CHARS = 255
# A request unanswered for this long died with its process: its key may be used again.
DEAD_AFTER = timedelta(minutes=5)

View = Callable[..., HttpResponseBase]
PARAMETER = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "maxLength": MAX_KEY_CHARS},
    "description": "The same key with the same request gets the first answer again.",
}


class InFlight(Conflict):
    """The first request with this key is still being worked on."""

    code = "idempotency_in_flight"
    retry_after_s = 1


class KeyReused(InvalidInput):
    """The key was sent before with another request."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer kept for a key."""

    status: int
    body: bytes


def idempotent(
    *,
    digest: Callable[[HttpRequest], bytes] | None = None,
    kept_body: Callable[[bytes], bytes] = bytes,
    dead_after: timedelta = DEAD_AFTER,
) -> Callable[[View], View]:
    """Make a view honour Idempotency-Key.

    `digest` reads the body and returns what tells it from others; `kept_body` returns what of an
    answer may be kept.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def replaying(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            key = request.headers.get(HEADER)
            if key is None:
                return view(request, *args, **kwargs)
            caller = cast("Caller", request.auth)  # type: ignore[attr-defined]
            body_digest = digest(request) if digest else hashlib.sha256(request.body).digest()
            record = Record(caller.workspace_id, check_key(key))
            kept = record.begin(request_hash(request, caller, body_digest), dead_after)
            if kept is not None:
                return replay(request, kept)
            with record.freed_on_error():
                response = view(request, *args, **kwargs)
            return record.keep(request, response, kept_body)

        document(replaying)
        return replaying

    return decorate


class Where(TypedDict):
    """The primary key of a record."""

    workspace_id: int
    key: str


class Record:
    """The memory of one key."""

    def __init__(self, workspace_id: int, key: str) -> None:
        self._where: Where = {"workspace_id": workspace_id, "key": key}

    def begin(self, hashed: bytes, dead_after: timedelta) -> Kept | None:
        """Return the kept answer; None if the request is now ours to carry out.

        Raises KeyReused for another request, InFlight while the first one is being worked on.
        """
        with db.writing() as session:
            if queries.insert_record(session, **self._where, request_hash=hashed):
                return None
            record = queries.find_record(session, **self._where)
            if record is None:
                raise InFlight("the first request with this key has just failed; try again")
            if record.request_hash != hashed:
                raise KeyReused("was sent before with another request", HEADER)
            if record.status is not None:
                return Kept(record.status, record.body or b"")
            if queries.take_over_record(
                session, **self._where, request_hash=hashed, older_than=dead_after
            ):
                return None
        raise InFlight("the first request with this key is still being worked on")

    def keep(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        kept_body: Callable[[bytes], bytes],
    ) -> HttpResponseBase:
        """Keep a good answer, free the key after any other; a stream is kept when it has ended."""
        if isinstance(response, StreamingHttpResponse):
            chunks = cast("Iterator[bytes]", response.streaming_content)
            response.streaming_content = self._keeping(request, response.status_code, chunks)
        elif response.status_code < HTTPStatus.BAD_REQUEST:
            self._store(response.status_code, kept_body(cast("HttpResponse", response).content))
        else:
            self.free()
        return response

    @contextmanager
    def freed_on_error(self) -> Iterator[None]:
        """Free the key if an exception, or the end of the client, comes out of the block."""
        try:
            yield
        except BaseException:
            try:
                self.free()
            except SQLAlchemyError:
                # The first error is the one to tell; the key is free again after `dead_after`.
                logger.warning("idempotency key not freed", exc_info=True)
            raise

    def free(self) -> None:
        """Forget the key, so that the request may be sent again."""
        with db.writing() as session:
            queries.delete_unanswered(session, **self._where)

    def _keeping(
        self, request: HttpRequest, status: int, chunks: Iterator[bytes]
    ) -> Iterator[bytes]:
        sent = []
        with self.freed_on_error():
            for chunk in chunks:
                sent.append(chunk)
                yield chunk
        if getattr(request, "is_answer_broken", False):
            self.free()
        else:
            self._store(status, b"".join(sent))

    def _store(self, status: int, body: bytes) -> None:
        try:
            with db.writing() as session:
                queries.store_answer(session, **self._where, status=status, body=body)
        except SQLAlchemyError:
            # The work is done, so the client gets its answer; only a repetition has to wait.
            logger.warning("answer not kept for its idempotency key", exc_info=True)


def check_key(key: str) -> str:
    """Return the key if it can be one; raises InvalidInput."""
    if not 0 < len(key) <= MAX_KEY_CHARS or not key.isprintable():
        raise InvalidInput(f"must have 1 to {MAX_KEY_CHARS} printable characters", HEADER)
    return key


def request_hash(request: HttpRequest, caller: Caller, body_digest: bytes) -> bytes:
    """Return what is equal for two requests only if their answers may be exchanged."""
    who = f"{caller.key_id} {request.method} {request.get_full_path()} {wants_lines(request)}"
    return hashlib.sha256(who.encode() + b"\0" + body_digest).digest()


def wants_lines(request: HttpRequest) -> bool:
    """Say whether the client asks for an answer in lines as the work goes on."""
    return "application/x-ndjson" in request.headers.get("Accept", "")


def replay(request: HttpRequest, kept: Kept) -> HttpResponse:
    """Return the kept answer, marked as such."""
    content_type = "application/x-ndjson" if wants_lines(request) else "application/json"
    response = HttpResponse(kept.body, status=kept.status, content_type=content_type)
    response[REPLAYED] = "true"
    return response


def document(view: View) -> None:
    """Have the OpenAPI document name the header of this view."""

    def add_parameter(operation: Operation) -> None:
        extra = dict(operation.openapi_extra or {})
        extra["parameters"] = [*extra.get("parameters", []), PARAMETER]
        operation.openapi_extra = extra

    contributions = [*getattr(view, "_ninja_contribute_to_operation", []), add_parameter]
    view._ninja_contribute_to_operation = contributions  # type: ignore[attr-defined]
