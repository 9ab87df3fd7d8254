"""A file from its address: never from a network that only this machine can reach.

The name is resolved once a connection, every address it has must be public, and the connection is
made to the very address that was looked at: a name that answers differently the next time changes
nothing. Each redirect is a new address and looked at anew.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream, SyncBackend

from embedhub.config import get_config

CONNECT_S = 10.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = [(b"User-Agent", b"EmbedHub"), (b"Accept", b"*/*"), (b"Accept-Encoding", b"identity")]
# IPv6 addresses in which an IPv4 one is hidden: it is that one which is reached.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# What is given out at all: the rest is for networks of their own, for tunnels, or for later.
GIVEN_OUT = ipaddress.ip_network("2000::/3")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchFailed(Exception):
    """A file could not be had from its address: a word for programs, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fetch(url: str, target: Path, *, max_bytes: int) -> None:
    """Write what lies at an address to a file; raises FetchFailed.

    Follows redirects, each looked at like the address itself, within `fetch_s` seconds in all.
    """
    config = get_config()
    deadline = time.monotonic() + config.fetch_s
    for _ in range(config.fetch_redirects + 1):
        url = as_sent(url)
        check_address(url)
        location = _download(url, target, max_bytes, deadline)
        if location is None:
            return
        url = urljoin(url, location)
    raise FetchFailed("unreachable", f"more than {config.fetch_redirects} redirects")


def as_sent(url: str) -> str:
    """Return an address in ASCII, as a browser sends what people write; raises FetchFailed."""
    try:
        return str(httpx.URL(url))
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailed("address_refused", "is not an address") from error


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


def public_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a name, if all of them are public; raises FetchFailed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailed("unreachable", f"the name {host} is not known") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(ipaddress.ip_address(address.partition("%")[0])):
            told = f"{host} is an address of a private network, from which nothing is fetched"
            raise FetchFailed("address_refused", told)
    return addresses


def is_public(address: Address) -> bool:
    """Say whether everybody on the internet means the same by this address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            return False
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in GIVEN_OUT:
            return False
    return address.is_global and not address.is_multicast


class _UntilDeadline(NetworkStream):
    """A connection that waits no longer than until a moment, however little comes at a time."""

    def __init__(self, inner: NetworkStream, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _UntilDeadline(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the time for all of it is over")
        return seconds if timeout is None else min(timeout, seconds)


class _PublicOnly(NetworkBackend):
    """Connects to public addresses only, whatever name leads to them."""

    def __init__(self, deadline: float) -> None:
        self._inner, self._deadline = SyncBackend(), deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        error: Exception | None = None
        for address in public_addresses(host, port):
            try:
                stream = self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return _UntilDeadline(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error or httpcore.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    # Reading all certificates takes longer than most answers.
    return ssl.create_default_context()


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
    pool = httpcore.ConnectionPool(ssl_context=_trusted(), network_backend=_PublicOnly(deadline))
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
