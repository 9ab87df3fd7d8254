"""Connections to addresses that callers name: never into a network that only this machine reaches.

The name is resolved once a connection, every address it has must be public, and the connection is
made to the very address that was looked at: a name that answers differently the next time changes
nothing.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import httpcore
import httpx
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream, SyncBackend

# IPv6 addresses in which an IPv4 one is hidden: it is that one which is reached.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# What is given out at all: the rest is for networks of their own, for tunnels, or for later.
GIVEN_OUT = ipaddress.ip_network("2000::/3")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Unreachable(Exception):
    """An address may not be asked, or cannot be: a word for programs, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def as_sent(url: str) -> str:
    """Return an address in ASCII, as a browser sends what people write; raises Unreachable."""
    try:
        return str(httpx.URL(url))
    except (httpx.InvalidURL, ValueError) as error:
        raise Unreachable("address_refused", "is not an address") from error


def public_addresses(host: str, port: int, allowed: Sequence[Network] = ()) -> list[str]:
    """Return the addresses of a name, if all of them are public or allowed; raises Unreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("unreachable", f"the name {host} is not known") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not is_public(address) and not any(address in network for network in allowed):
            told = f"{host} is an address of a private network, which is not asked"
            raise Unreachable("address_refused", told)
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


class UntilDeadline(NetworkStream):
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
        return UntilDeadline(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the time for all of it is over")
        return seconds if timeout is None else min(timeout, seconds)


class PublicOnly(NetworkBackend):
    """Connects to public addresses and allowed networks only, whatever name leads to them.

    Waits no longer than until `deadline`, of the monotonic clock, over all there is to wait for.
    """

    def __init__(self, deadline: float, allowed: Sequence[Network] = ()) -> None:
        self._inner, self._deadline, self._allowed = SyncBackend(), deadline, tuple(allowed)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        error: Exception | None = None
        for address in public_addresses(host, port, self._allowed):
            try:
                stream = self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return UntilDeadline(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error or httpcore.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """Return the certificates that are believed."""
    # Reading all certificates takes longer than most answers.
    return ssl.create_default_context()
