"""The REST interface seen from a client: JSON in and out, problems as one-line errors."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import httpx
import orjson

from embedhub.cli.options import Server
from embedhub.errors import HubError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TIMEOUT_S = 120.0
# A large file is stored before the answer comes.
UPLOAD_TIMEOUT_S = 900.0
# How often a request is repeated when the server asks to come back later or is not there.
ATTEMPTS = 6
SENT_BYTES = 1 << 17


class RequestRefused(HubError):
    """The server refused a request with an HTTP status; `field` is the path it complains of."""

    code = "refused"

    def __init__(self, status: int, message: str, field: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.field = field


class Unreachable(HubError):
    """No server answers at the address."""

    code = "unreachable"


class HubClient:
    """One connection to a server as one key."""

    def __init__(self, server: Server, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.server = server
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {server.key}"},
            timeout=TIMEOUT_S,
            # A proxy of the user's cannot reach the user's own loopback.
            trust_env=urlsplit(server.url).hostname not in LOOPBACK,
        )

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Return the decoded answer of a request.

        Waits and repeats when the server says that it is busy or cannot be reached; every request
        made here may be repeated. Raises RequestRefused, Unreachable, or HubError for a body that
        is not JSON.
        """
        try:
            content = None if body is None else orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise HubError(f"cannot be sent as JSON: {error}") from error
        response = self._send(method, path, content, query)
        return response.json() if response.content else None

    def send_lines(self, path: str, lines: bytes, **query: object) -> Any:
        """Return the decoded answer to lines of JSON, sent as `call` sends a body."""
        return self._send("POST", path, lines, query, content_type="application/x-ndjson").json()

    def send_files(self, path: str, files: Sequence[tuple[str, Path]]) -> Any:
        """Return the decoded answer to files, each with the name it goes by.

        Waits and repeats as `call` does; sending a file twice changes nothing.
        """
        names = [name for name, _ in files]
        with ExitStack() as opened:
            parts = [
                ("file", (file.name, opened.enter_context(file.open("rb")))) for _, file in files
            ]

            def send() -> httpx.Response:
                for _, (_, part) in parts:
                    part.seek(0)
                return self._http.post(
                    path, files=parts, data={"external_id": names}, timeout=UPLOAD_TIMEOUT_S
                )

            return self._patiently(send).json()

    def save(self, path: str, file: Path) -> None:
        """Write an answer of any size to a file."""
        with file.open("wb") as saved:
            self.copy("GET", path, saved)

    def copy(self, method: str, path: str, to: BinaryIO) -> None:
        """Write an answer of any size; raises RequestRefused, Unreachable if it breaks off."""
        try:
            with self._http.stream(method, path) as response:
                if not response.is_success:
                    response.read()
                    raise refusal(response)
                to.writelines(response.iter_bytes())
        except httpx.TransportError as error:
            raise Unreachable(f"no answer from {self.server.url}: {error}") from error

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        query: dict[str, object],
        content_type: str = "application/json",
    ) -> httpx.Response:
        return self._patiently(
            lambda: self._http.request(
                method,
                path,
                content=None if content is None else pieces(content),
                params={name: str(value) for name, value in query.items()},
                headers={
                    "Content-Type": content_type,
                    "Content-Length": str(len(content or b"")),
                },
            )
        )

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Return the answer of a request that is sent again while the server is busy or away."""
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                response = send()
            except httpx.TransportError as error:
                if last:
                    reason = f"no answer from {self.server.url}: {error}"
                    raise Unreachable(reason) from error
                self._sleep(0.2 * 2**attempt)
                continue
            if response.is_success:
                return response
            if last or response.status_code not in {
                HTTPStatus.TOO_MANY_REQUESTS,
                HTTPStatus.SERVICE_UNAVAILABLE,
            }:
                raise refusal(response)
            self._sleep(float(response.headers.get("Retry-After", 1)))
        raise AssertionError("the last attempt returns or raises")

    def find_collection(self, slug: str) -> Any:
        """Return a collection, None when there is none of this slug."""
        try:
            return self.call("GET", f"/v1/collections/{quote(slug, safe='')}")
        except RequestRefused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def ensure_collection(self, slug: str, **wishes: object) -> None:
        """Return when the collection is there, made with `wishes` if it was not."""
        if self.find_collection(slug) is None:
            self.call("POST", "/v1/collections", {"slug": slug, **wishes})

    def search(self, slug: str, request: dict[str, object]) -> Any:
        """Return the answer to a search of one collection."""
        return self.call("POST", f"/v1/collections/{quote(slug, safe='')}/search", request)


def pieces(content: bytes) -> Iterator[bytes]:
    """Yield a body in pieces: of one large string httpx copies the rest at each step."""
    for start in range(0, len(content), SENT_BYTES):
        yield content[start : start + SENT_BYTES]


def refusal(response: httpx.Response) -> RequestRefused:
    """Return the error that a refusing answer (problem JSON, or anything else) stands for."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    message = str(problem.get("detail") or problem.get("title") or response.reason_phrase)
    field = problem.get("field")
    return RequestRefused(response.status_code, message, field if isinstance(field, str) else None)
