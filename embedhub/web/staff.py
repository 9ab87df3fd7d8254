"""The middlewares of the admin: none of them does anything for a request to the API or a probe."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

API_PREFIX = "/v1/"

# The admin's scripts evaluate expressions in its HTML, hence the two unsafe words; nothing is
# ever loaded from another host, and no other site may show these pages in a frame.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_api(path: str) -> bool:
    """Say whether a path belongs to the API."""
    return f"{path}/".startswith(API_PREFIX)


class StaffOnly(MiddlewareMixin):
    """A middleware that steps aside for everything below /v1."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request.path_info):
            return cast("HttpResponseBase", self.get_response(request))
        return cast("HttpResponseBase", super().__call__(request))


class StaffHeaders(StaffOnly):
    """Tells browsers what the admin's pages may load and who may frame them."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Add the headers that a view has not set itself."""
        del request
        for name, value in PAGE_HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class StaffCommon(StaffOnly, CommonMiddleware):
    """Checks the host name and appends slashes."""


class StaffSessions(StaffOnly, SessionMiddleware):
    """Opens the session of whoever is logged in."""


class StaffCsrf(StaffOnly, CsrfViewMiddleware):
    """Refuses forms that another site posts."""

    def process_view(
        self,
        request: HttpRequest,
        callback: Callable[..., HttpResponseBase],
        callback_args: tuple[Any, ...],
        callback_kwargs: dict[str, Any],
    ) -> HttpResponseForbidden | None:
        """Return the refusal of a form; Django asks this whoever steps aside."""
        if is_api(request.path_info):
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)


class StaffAuthentication(StaffOnly, AuthenticationMiddleware):
    """Says who is logged in."""


class StaffMessages(StaffOnly, MessageMiddleware):
    """Carries notes to the next page."""
