"""What the server takes in before the application sees a request.

Waitress reads a body whole and spills it to disk, up to the largest that any path may have. So
that nobody fills the disk through a path that wants little, or without so much as naming a key,
the limit is set for each request when its headers are there, and of a large body no more than
some megabytes are taken in before its key is known to be one and there is room for it. Until then
nothing more is read from the socket: the client waits, however long the database takes.
"""

import copy
from concurrent.futures import Future
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import unquote

import orjson
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.utilities import Error

from embedhub.disconnects import WaitingClient, waiting
from embedhub.errors import Busy, HubError
from embedhub.web import admission
from embedhub.web.limits import body_limit, is_import, is_staff_upload, is_upload

# Nothing that needs no key, a login form above all, is larger.
WITHOUT_KEY_BYTES = 1 << 20
# A body somewhat over its limit is read to its end, so that the client gets to see the refusal.
READ_ANYWAY = 2
# Up to here a body is read whatever becomes of it: the client then sees why it was refused.
UNASKED_BYTES = 16 << 20
# How often the room for a body of unknown length is looked at.
LOOKED_EVERY = 64 << 20

# For a form that was sent without scripts.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<body style="font: 1rem/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>{title}</h1><p>{told}</p><p>Nothing was stored. <a href="">Back to the page</a></p></body>
"""


class Intake(HTTPRequestParser):  # type: ignore[misc]
    """Waitress' parser with a limit for each request; its refusals are problem JSON, or a page."""

    adj: Any
    error: Any
    _asked: "Future[HubError | None] | None" = None
    _next_look = UNASKED_BYTES

    @property
    def awaited(self) -> "Future[HubError | None] | None":
        """Return the answer without which no more of the body is taken in; None to go on."""
        asked = self._asked
        if asked is None or asked.done() or self.body_bytes_received < UNASKED_BYTES:
            return None
        return asked

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the headers, then set the limit of the body that follows."""
        super().parse_header(header_plus)
        limit = intake_limit(self.path, has_key=self._is_asked_about())
        self.adj = with_limit(self.adj, limit)

    def received(self, data: bytes) -> int:
        """Take in some bytes; return how many belong to this request."""
        n_taken: int = super().received(data)
        if self.headers_finished and not self.completed and self.error is None:
            self._ask_for_admission()
        if self.error is not None and not isinstance(self.error, Refusal | Declined):
            self.error = Refusal(self.error)
        if isinstance(self.error, Refusal):
            self.error.is_page = "text/html" in self.headers.get("ACCEPT", "")
        return n_taken

    def _ask_for_admission(self) -> None:
        is_large = self.chunked or self.content_length > UNASKED_BYTES
        if not is_large or not self._is_asked_about():
            return
        if self._asked is None:
            length = 0 if self.chunked else self.content_length
            if self._is_of_staff():
                self._asked = admission.ask_staff(self.headers["COOKIE"], length)
            else:
                given = self.headers["AUTHORIZATION"]
                self._asked = admission.ask(given, unquote(self.path), self.query, length)
        if self.body_bytes_received < self._next_look or not self._asked.done():
            return
        self._next_look = self.body_bytes_received + LOOKED_EVERY
        if (refusal := self._asked.result()) is not None:
            self._decline(refusal)
        elif self.chunked:
            try:
                admission.require_room(0)
            except Busy as error:
                self._decline(error)

    def _is_asked_about(self) -> bool:
        """Say whether it names somebody of whom it can be asked if they may send a large body."""
        return "AUTHORIZATION" in self.headers or self._is_of_staff()

    def _is_of_staff(self) -> bool:
        return "COOKIE" in self.headers and is_staff_upload(unquote(self.path))

    def _decline(self, reason: HubError) -> None:
        self.error, self.completed = Declined(reason), True


class Refusal(Error):  # type: ignore[misc]
    """A refusal of the server itself, as problem JSON; a page where a browser asks."""

    is_page = False
    problem_code: str | None = None
    retry_after_s: int | None = None

    def __init__(self, error: Any) -> None:
        super().__init__(error.body)
        self.code, self.reason = error.code, error.reason

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status, headers and body."""
        del ident
        status = f"{self.code} {self.reason}"
        if self.is_page:
            page = PAGE.format(title=escape(self.reason), told=escape(str(self.body)))
            return status, [("Content-Type", "text/html; charset=utf-8")], page.encode()
        code = self.problem_code or self.reason.lower().replace(" ", "_")
        body = {
            "type": f"urn:embedhub:problem:{code}",
            "title": self.reason,
            "status": self.code,
            "detail": str(self.body),
            "code": code,
        }
        headers = [("Content-Type", "application/problem+json")]
        if self.retry_after_s is not None:
            headers.append(("Retry-After", str(self.retry_after_s)))
        return status, headers, orjson.dumps(body)


class Declined(Refusal):
    """A body that was not admitted."""

    def __init__(self, reason: HubError) -> None:
        Error.__init__(self, str(reason))
        self.code, self.reason = admission.status_of(reason)
        self.problem_code = reason.code
        self.retry_after_s = getattr(reason, "retry_after_s", None)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = Intake
    # The client while it waits for an answer.
    _client: WaitingClient | None = None
    # What the loop is woken by when it is known.
    _awaited: "Future[HubError | None] | None" = None

    def readable(self) -> bool:
        """Return whether to read on: not while it is asked if a large body may come in."""
        request = self.request
        awaited = request.awaited if isinstance(request, Intake) else None
        if awaited is None:
            return bool(super().readable())
        if awaited is not self._awaited:
            self._awaited = awaited
            awaited.add_done_callback(lambda _: self.server.pull_trigger())
        return False

    def service(self) -> None:
        """Answer one request."""
        self._client = WaitingClient()
        with waiting(self._client):
            super().service()
        self._client = None

    def handle_close(self) -> None:
        """Let the connection go, and end what is still asked of the database for it."""
        super().handle_close()
        client = self._client
        if client is not None:
            client.leave()


def limit_intake() -> None:
    """Make every waitress server of this process set a limit for each request."""
    BaseWSGIServer.channel_class = Channel


def intake_limit(path: str, *, has_key: bool) -> int:
    """Return how many bytes of a body are read at most; a session of staff is a key too."""
    if not has_key:
        return WITHOUT_KEY_BYTES
    limit = body_limit(unquote(path))
    # Of an import or a file, the limit is the most that the disk shall hold.
    is_large = is_import(unquote(path)) or is_upload(unquote(path))
    return limit + 1 if is_large else READ_ANYWAY * limit


@lru_cache(maxsize=16)
def with_limit(adjustments: Any, limit: int) -> Any:
    """Return the server's settings with another limit; waitress refuses what reaches it."""
    limited = copy.copy(adjustments)
    limited.max_request_body_size = limit
    return limited
