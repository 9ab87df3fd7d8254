"""What every API request passes first: its id, its host, its length, and the form of its errors."""

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from embedhub import db
from embedhub.errors import InvalidInput, TooLarge
from embedhub.replica.position import TOKEN_HEADER, format_position
from embedhub.replica.service import written_position
from embedhub.web.limits import body_limit
from embedhub.web.problems import CONTENT_TYPE, code_of, of_hub_error, problem
from embedhub.web.staff import PAGE_HEADERS, is_api

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# A probe asks by address, and must hear from a server whose host names are set wrongly.
PROBES = "/v1/health/"


class ApiBoundary:
    """Middleware around /v1: what leaves here is an answer with an id, and errors are problems."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_api(request.path_info):
            return self.get_response(request)
        given = request.headers.get("X-Request-Id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        request.request_id = request_id  # type: ignore[attr-defined]
        db.forget_writes()
        response = refuse(request) or self.get_response(request)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            response = as_problem(request, response)
            # Django would log every refusal and every probe; what is worth a line has one already.
            response._has_been_logged = True  # type: ignore[attr-defined]
        elif (
            # What an answer in lines tells of is written after its headers.
            isinstance(response, HttpResponse)
            and db.has_written()
            and (position := written_position()) is not None
        ):
            response[TOKEN_HEADER] = format_position(position)
        response["X-Request-Id"] = request_id
        if isinstance(response, HttpResponse):
            # Without a length the server has to close the connection after each answer.
            response.headers.setdefault("Content-Length", str(len(response.content)))
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            for name, value in PAGE_HEADERS.items():
                response.headers.setdefault(name, value)
        else:
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def refuse(request: HttpRequest) -> HttpResponseBase | None:
    """Return the refusal of a request that need not be looked at further; None lets it pass."""
    if not request.path_info.startswith(PROBES):
        try:
            request.get_host()
        except DisallowedHost:
            told = "this server does not answer to that host name; see EMBEDHUB_ALLOWED_HOSTS"
            return problem(request, 400, "unknown_host", told)
    for name, value in (("path", request.path_info), ("query", request.META["QUERY_STRING"])):
        if "\x00" in value or "%00" in value:
            # PostgreSQL stores no NUL, so no address of ours can hold one.
            return of_hub_error(request, InvalidInput("must not hold a NUL character", name))
    length = request.META.get("CONTENT_LENGTH")
    if not length and "HTTP_TRANSFER_ENCODING" in request.META:
        # Django would read such a body as empty.
        return problem(request, 411, "length_required", "send a Content-Length")
    limit = body_limit(request.path_info)
    if length and length.isdecimal() and int(length) > limit:
        return problem(request, 413, TooLarge.code, f"the body has more than {limit} bytes")
    return None


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return the answer itself if it is a problem or JSON of ours, else a problem of its status."""
    if response.headers.get("Content-Type", "").split(";")[0] in {CONTENT_TYPE, "application/json"}:
        return response
    status = response.status_code
    replaced = problem(
        request, status, code_of(status), HTTPStatus(status).description or "refused"
    )
    for name in ("Allow", "Retry-After"):
        if name in response.headers:
            replaced[name] = response.headers[name]
    return replaced
