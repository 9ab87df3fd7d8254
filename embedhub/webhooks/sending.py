"""One delivery over the network: what is posted, and what came back. Redirects are not followed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore

from embedhub.config import get_config
from embedhub.errors import InvalidInput
from embedhub.network import PublicOnly, Unreachable, as_sent, trusted

MAX_URL_CHARS = 2_000
# Of an answer it is kept how it begins: enough to see what the receiver complains about.
KEPT_BYTES = 500
GONE = 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of posting once; `error` says why it does not count as delivered, None if it does.

    `retry_after_s` is what the receiver asked for.
    """

    status: int | None
    answer: str
    error: str | None
    took_ms: int
    retry_after_s: int | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants nothing more, ever."""
        return self.status == GONE


def check_url(url: str, field: str = "url") -> str:
    """Return an address that may be posted to, as it is sent; raises InvalidInput."""
    url = url.strip()
    if not 0 < len(url) <= MAX_URL_CHARS or not url.isprintable():
        raise InvalidInput(f"must have 1 to {MAX_URL_CHARS:,} printable characters", field)
    try:
        parts = urlsplit(as_sent(url))
        _ = parts.port
    except (Unreachable, ValueError):
        raise InvalidInput("is not an address", field) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput("must begin with http:// or https:// and name a host", field)
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("must not hold a password: what is sent is signed", field)
    return parts.geturl()


def post(url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
    """Post a body within `webhook_s` seconds and say what came of it."""
    began = time.monotonic()
    try:
        status, answer, retry_after = _post(url, headers, body)
        error = None if 200 <= status < 300 else _refusal(status)
    except Unreachable as failed:
        status, answer, retry_after, error = None, "", None, str(failed)
    except httpcore.TimeoutException:
        told = f"no answer within {get_config().webhook_s:g} seconds"
        status, answer, retry_after, error = None, "", None, told
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as failed:
        told = f"cannot be reached: {failed}" if str(failed) else "cannot be reached"
        status, answer, retry_after, error = None, "", None, told
    took_ms = round((time.monotonic() - began) * 1_000)
    return Attempt(status, answer, error, took_ms, retry_after)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed, give the address it leads to"
    return f"answered {status}"


def _post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, int | None]:
    config = get_config()
    deadline = time.monotonic() + config.webhook_s
    network = PublicOnly(deadline, config.webhook_networks)
    with (
        httpcore.ConnectionPool(ssl_context=trusted(), network_backend=network) as pool,
        pool.stream("POST", url, headers=list(headers.items()), content=body) as response,
    ):
        kept = b""
        for piece in response.iter_stream():
            kept += piece
            if len(kept) >= KEPT_BYTES:
                break
        named = {name.lower(): value for name, value in response.headers}
        answer = kept[:KEPT_BYTES].decode("utf-8", "replace").replace("\x00", "�")
        return response.status, answer, _seconds(named.get(b"retry-after", b""))


def _seconds(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) < 7 else None
