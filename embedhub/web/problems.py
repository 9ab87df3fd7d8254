"""Errors as problem JSON (RFC 9457): the one place that knows HTTP statuses."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import orjson
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja.errors import AuthenticationError, HttpError, ValidationError
from psycopg import errors as postgres
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from embedhub.answers.generator import GenerationBusy, GenerationFailed
from embedhub.config import get_config
from embedhub.errors import (
    Busy,
    Conflict,
    Forbidden,
    HubError,
    InvalidInput,
    NotFound,
    NotReady,
    StorageFull,
    TooLarge,
    Unauthenticated,
)
from embedhub.web import protocol

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
MAX_ERRORS = 20

STATUSES: dict[type[HubError], int] = {
    InvalidInput: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    NotReady: 503,
    Busy: 429,
    StorageFull: 507,
    GenerationFailed: 502,
    GenerationBusy: 429,
}

# What the database refuses for a moment: the same request may pass when it is sent again.
BUSY = (
    postgres.LockNotAvailable,
    postgres.DeadlockDetected,
    postgres.SerializationFailure,
    postgres.TooManyConnections,
    postgres.AdminShutdown,
    postgres.CannotConnectNow,
    postgres.CrashShutdown,
)


def problem(
    request: HttpRequest,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[dict[str, str]] = (),
    retry_after_s: float | None = None,
    beside: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Return an answer that says what went wrong, where in the request, and whether to retry."""
    request_id = getattr(request, "request_id", None)
    body: dict[str, Any] = {
        "type": f"urn:embedhub:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": request_id,
        **(beside or {}),
    }
    if errors:
        body["field"] = errors[0]["field"]
        body["errors"] = list(errors)
    body = printable(body)
    if protocol.speaks_openai(request.path):
        body["error"] = protocol.openai_error(body)
    response = HttpResponse(orjson.dumps(body), status=status, content_type=CONTENT_TYPE)
    if retry_after_s is not None:
        response["Retry-After"] = str(ceil(retry_after_s))
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def printable(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with lone surrogates replaced: a text that quotes the input may hold some."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in body.items()
    }


def of_hub_error(request: HttpRequest, error: HubError) -> HttpResponse:
    """Return the answer for one of our own errors."""
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 400)
    field = getattr(error, "field", None)
    message = getattr(error, "message", str(error))
    return problem(
        request,
        status,
        error.code,
        str(error),
        errors=[{"field": field, "message": message}] if field else [],
        retry_after_s=getattr(error, "retry_after_s", None),
        # What was found though no language model put it into words.
        beside={"sources": error.sources} if isinstance(error, GenerationFailed) else None,
    )


def of_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Return the answer for a request whose shape is wrong, naming each part as a path."""
    errors = [
        {"field": field_path(found["loc"]), "message": str(found["msg"])}
        for found in error.errors[:MAX_ERRORS]
    ]
    detail = f"{errors[0]['field']}: {errors[0]['message']}" if errors else "invalid request"
    return problem(request, 422, InvalidInput.code, detail, errors=errors)


def field_path(location: Sequence[object]) -> str:
    """Return the path of a part without what only the framework knows.

    The first place names the source (body, query, path); a body's parameter name follows it.
    """
    source, *path = location
    if source == "body":
        path = path[1:]
    return ".".join(str(part) for part in path) or str(source)


def of_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Return the answer for the framework's own errors."""
    if isinstance(error.__cause__, HubError):
        return of_hub_error(request, error.__cause__)
    if isinstance(error, AuthenticationError):
        return of_hub_error(request, Unauthenticated("send an API key as Authorization: Bearer"))
    return problem(request, error.status_code, code_of(error.status_code), error.message)


def of_database_error(request: HttpRequest, error: DBAPIError) -> HttpResponse:
    """Return 503 or 504 for what may pass, 409 for what changed, 422 for a number, else 500."""
    origin = getattr(error, "orig", None)
    if isinstance(origin, postgres.ForeignKeyViolation | postgres.UniqueViolation):
        logger.warning(
            "a constraint refused a request", extra=facts(request), exc_info=loggable(error)
        )
        return problem(request, 409, Conflict.code, "the rows changed meanwhile; try again")
    if isinstance(origin, postgres.NumericValueOutOfRange):
        return problem(request, 422, InvalidInput.code, "a number is beyond what can be stored")
    if isinstance(origin, postgres.QueryCanceled):
        return _too_slow(request, error)
    lost = error.connection_invalidated
    if lost or isinstance(origin, BUSY) or isinstance(error, InterfaceError):
        return _unavailable(request, error)
    if isinstance(error, OperationalError) and getattr(origin, "sqlstate", None) is None:
        return _unavailable(request, error)
    return of_unexpected(request, error)


def of_unexpected(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Return 500 with nothing about the inside; the log has it under the request's id."""
    logger.error("request failed", extra=facts(request), exc_info=loggable(error))
    return problem(request, 500, "internal", "something went wrong here; the log has the reason")


def unknown_path(request: HttpRequest, **_: object) -> HttpResponse:
    """Return the answer for a path that leads nowhere."""
    return problem(request, 404, NotFound.code, "no such path")


def code_of(status: int) -> str:
    """Return the code of a status that none of our errors stands for."""
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("'", "")


def loggable(error: BaseException) -> BaseException:
    """Return the error without the rows that PostgreSQL quotes in its details."""
    diagnosis = getattr(getattr(error, "orig", None), "diag", None)
    if diagnosis is None or diagnosis.sqlstate is None:
        return error
    told = f"{diagnosis.sqlstate} {diagnosis.message_primary}"
    return RuntimeError(told).with_traceback(error.__traceback__)


def facts(request: HttpRequest) -> dict[str, object]:
    """Return what a log line needs to find this request again; never a header or a body."""
    return {"request_id": getattr(request, "request_id", None), "path": request.path}


def answer(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Return the answer for whatever a request ended with."""
    response: HttpResponse
    match error:
        case HubError():
            response = of_hub_error(request, error)
        case ValidationError():
            response = of_validation(request, error)
        case HttpError():
            response = of_http_error(request, error)
        case Http404():
            response = unknown_path(request)
        case PoolTimeout():
            response = _overloaded(request)
        case DBAPIError():
            response = of_database_error(request, error)
        case UnreadablePostError() | SuspiciousOperation():
            response = problem(request, 400, "unreadable", "the request could not be read whole")
        case _:
            response = of_unexpected(request, error)
    return response


def _too_slow(request: HttpRequest, error: BaseException) -> HttpResponse:
    logger.warning("a statement took too long", extra=facts(request), exc_info=loggable(error))
    limit = get_config().statement_timeout_s
    detail = f"the database was asked for more than it can answer within {limit:g} seconds"
    return problem(request, 504, "timeout", detail)


def _overloaded(request: HttpRequest) -> HttpResponse:
    logger.warning("every database connection is in use", extra=facts(request))
    detail = "too many requests are under way here; try again"
    return problem(request, 503, "overloaded", detail, retry_after_s=1)


def _unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    logger.warning("database not available", extra=facts(request), exc_info=loggable(error))
    return problem(
        request, 503, NotReady.code, "the database is not available; try again", retry_after_s=2
    )
