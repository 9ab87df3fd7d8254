"""What the server takes in before the application sees a request.

Waitress reads a body whole and spills it to disk, up to the largest that any path may have. So
that nobody fills the disk through a path that wants little, or without so much as naming a key,
the limit is set for each request when its headers are there.
"""

import copy
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import orjson
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.utilities import Error

from embedhub.web.limits import body_limit, is_import

# Nothing that needs no key, a login form above all, is larger.
WITHOUT_KEY_BYTES = 1 << 20
# A body somewhat over its limit is read to its end, so that the client gets to see the refusal.
READ_ANYWAY = 2


class Intake(HTTPRequestParser):  # type: ignore[misc]
    """Waitress' parser with a limit for each request; its refusals are problem JSON."""

    adj: Any
    error: Any

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the headers, then set the limit of the body that follows."""
        super().parse_header(header_plus)
        limit = intake_limit(self.path, has_key="AUTHORIZATION" in self.headers)
        self.adj = with_limit(self.adj, limit)

    def received(self, data: bytes) -> int:
        """Take in some bytes; return how many belong to this request."""
        n_taken: int = super().received(data)
        if self.error is not None and not isinstance(self.error, Refusal):
            self.error = Refusal(self.error)
        return n_taken


class Refusal(Error):  # type: ignore[misc]
    """A refusal of the server itself, as problem JSON."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.body)
        self.code, self.reason = error.code, error.reason

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status, headers and body."""
        del ident
        code = self.reason.lower().replace(" ", "_")
        body = {
            "type": f"urn:embedhub:problem:{code}",
            "title": self.reason,
            "status": self.code,
            "detail": str(self.body),
            "code": code,
        }
        headers = [("Content-Type", "application/problem+json")]
        return f"{self.code} {self.reason}", headers, orjson.dumps(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = Intake


def limit_intake() -> None:
    """Make every waitress server of this process set a limit for each request."""
    BaseWSGIServer.channel_class = Channel


def intake_limit(path: str, *, has_key: bool) -> int:
    """Return how many bytes of a body are read at most."""
    if not has_key:
        return WITHOUT_KEY_BYTES
    limit = body_limit(unquote(path))
    # Of an import, the limit is the most that the disk shall hold.
    return limit + 1 if is_import(unquote(path)) else READ_ANYWAY * limit


@lru_cache(maxsize=16)
def with_limit(adjustments: Any, limit: int) -> Any:
    """Return the server's settings with another limit; waitress refuses what reaches it."""
    limited = copy.copy(adjustments)
    limited.max_request_body_size = limit
    return limited
