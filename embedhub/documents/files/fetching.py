"""A file from its address: never from a network that only this machine can reach.

What may be connected to, `network` says. Each redirect is a new address and looked at anew.
"""

import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpcore

from embedhub.config import get_config
from embedhub.network import PublicOnly, Unreachable, as_sent, trusted

CONNECT_S = 10.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = [(b"User-Agent", b"EmbedHub"), (b"Accept", b"*/*"), (b"Accept-Encoding", b"identity")]


class FetchFailed(Unreachable):
    """A file could not be had from its address."""


def fetch(url: str, target: Path, *, max_bytes: int) -> None:
    """Write what lies at an address to a file; raises FetchFailed.

    Follows redirects, each looked at like the address itself, within `fetch_s` seconds in all.
    """
    config = get_config()
    deadline = time.monotonic() + config.fetch_s
    for _ in range(config.fetch_redirects + 1):
        try:
            url = as_sent(url)
            check_address(url)
            location = _download(url, target, max_bytes, deadline)
        except Unreachable as error:
            raise FetchFailed(error.code, str(error)) from error
        if location is None:
            return
        url = urljoin(url, location)
    raise FetchFailed("unreachable", f"more than {config.fetch_redirects} redirects")


def check_address(url: str) -> None:
    """Return if an address may be asked at all; raises FetchFailed."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise FetchFailed("address_refused", "is not an address") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise FetchFailed("address_refused", "only http and https addresses are fetched")
    if parts.username is not None or parts.password is not None:
        raise FetchFailed("address_refused", "an address with a password is not fetched")
    if port not in get_config().fetch_ports:
        raise FetchFailed("address_refused", f"port {port} is not fetched from")


def _download(url: str, target: Path, max_bytes: int, deadline: float) -> str | None:
    """Write the answer of one address; return where it redirects to, None if it does not."""
    too_slow = FetchFailed("unreachable", f"took longer than {get_config().fetch_s:g} seconds")

    def left() -> float:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise too_slow
        return seconds

    wait = min(CONNECT_S, left())
    timeouts = {"connect": wait, "read": wait, "write": wait, "pool": wait}
    pool = httpcore.ConnectionPool(ssl_context=trusted(), network_backend=PublicOnly(deadline))
    try:
        with (
            pool,
            pool.stream("GET", url, headers=HEADERS, extensions={"timeout": timeouts}) as answer,
        ):
            if answer.status in REDIRECTS:
                headers = {name.lower(): value for name, value in answer.headers}
                return headers.get(b"location", b"").decode("utf-8", "replace")
            if answer.status != 200:
                raise FetchFailed("unreachable", f"its server answered {answer.status}")
            n_bytes = 0
            with target.open("wb") as written:
                for piece in answer.iter_stream():
                    left()
                    n_bytes += len(piece)
                    if n_bytes > max_bytes:
                        told = f"more than {max_bytes:,} bytes, which is the most"
                        raise FetchFailed("too_large", told)
                    written.write(piece)
    except httpcore.TimeoutException as error:
        raise too_slow from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise FetchFailed("unreachable", f"its server cannot be reached: {error}") from error
    return None
