"""Ports and addresses of the web server, seen from this machine."""

import http.client
import socket
from contextlib import closing
from urllib.parse import urlsplit

from embedhub.local.errors import LocalError


def web_url(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def free_port(host: str, port: int) -> int:
    """Return `port`, or a free one for 0; raises LocalError when nothing can listen there."""
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(address[0], socket.SOCK_STREAM)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address[4])
            listener.listen(1)
            return int(listener.getsockname()[1])
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot listen on port {port} of {host}: {reason}; --port names another"
        raise LocalError(message) from error


def answers(url: str, path: str) -> bool:
    """Tell whether the server behind `url` answers 200 on `path`; proxies play no part."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=5)
    with closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
