"""Lines over REST, in parts of one import that can be resumed: a file's as they are, or rows."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol
from urllib.parse import quote

import orjson

from embedhub.cli.client import HubClient, RequestRefused
from embedhub.errors import HubError

SUFFIX = ".ndjson"
# Of one request: below what a server takes in before it has looked at the key.
PART_BYTES = 8 << 20
NOT_FOUND = 404


@dataclass(slots=True)
class Sent:
    """What became of a file so far, those parts included that an earlier call has sent."""

    import_id: int
    n_lines: int = 0
    n_bytes: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    n_errors: int = 0

    def sentence(self) -> str:
        """Return it in words, such as "3 created, 5 unchanged"."""
        parts = [f"{count:,} {outcome}" for outcome, count in sorted(self.counts.items()) if count]
        if self.n_errors:
            parts.append(f"{self.n_errors:,} refused")
        return ", ".join(parts) or "nothing found"


class Memory:
    """Which import a file is being sent as: a small file in the home, until all of it is sent."""

    def __init__(self, folder: Path, client: HubClient, slug: str, path: Path) -> None:
        # Another file under the same name is another import.
        seen = path.stat()
        what = (client.server.url, slug, path.resolve(), seen.st_size, seen.st_mtime_ns)
        name = hashlib.sha256(repr(what).encode()).hexdigest()[:32]
        self._file = folder / "imports" / f"{name}.json"

    def import_id(self) -> int | None:
        """Return the import begun by an earlier call that did not come to its end."""
        try:
            return int(orjson.loads(self._file.read_bytes())["import_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, import_id: int) -> None:
        """Remember the import."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._file.with_suffix(f".{os.getpid()}")
        beside.write_bytes(orjson.dumps({"import_id": import_id}))
        beside.replace(self._file)

    def forget(self) -> None:
        """Forget it: all is sent."""
        self._file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Route:
    """Where lines go: what they belong to, and what stands in them."""

    place: str
    kind: str

    @classmethod
    def collection(cls, slug: str) -> "Route":
        """Return the way of documents into a collection."""
        return cls(f"/v1/collections/{quote(slug, safe='')}", "documents")

    @classmethod
    def catalog(cls, slug: str, kind: str) -> "Route":
        """Return the way of items, users or interactions into a catalog."""
        return cls(f"/v1/catalogs/{quote(slug, safe='')}", kind)

    @property
    def creation(self) -> dict[str, str]:
        """Return what an import says of itself when it is created."""
        return {} if self.kind == "documents" else {"kind": self.kind}


class Part(NamedTuple):
    """Whole lines to send, whether they are the last, and the bytes of the source up to here."""

    content: bytes
    is_last: bool
    position: int


class Source(Protocol):
    """Where lines come from; `n_bytes` are those of the whole."""

    @property
    def n_bytes(self) -> int: ...
    def parts(self, n_lines: int) -> Iterator[Part]:
        """Yield the lines behind so many, one part at least."""
        ...


class FileSource:
    """The lines of a file as they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_bytes = path.stat().st_size

    def parts(self, n_lines: int) -> Iterator[Part]:
        """Yield the lines behind so many."""
        with self.path.open("rb") as file:
            skip_lines(file, n_lines)
            position = file.tell()
            for content, is_last in parts(file):
                position += len(content)
                yield Part(content, is_last, position)


class RowSource:
    """Rows made on the way, each a line of JSON; `position` says how far what they come from is."""

    def __init__(
        self, rows: Callable[[], Iterable[object]], n_bytes: int, position: Callable[[], int]
    ) -> None:
        self.n_bytes = n_bytes
        self._rows, self._position = rows, position

    def parts(self, n_lines: int) -> Iterator[Part]:
        """Yield the rows behind so many as lines."""
        lines = (orjson.dumps(row) + b"\n" for row in islice(self._rows(), n_lines, None))
        waiting: list[bytes] = []
        size = 0
        for line in lines:
            if size >= PART_BYTES:
                yield Part(b"".join(waiting), is_last=False, position=self._position())
                waiting, size = [], 0
            waiting.append(line)
            size += len(line)
        yield Part(b"".join(waiting), is_last=True, position=self.n_bytes)


def send_file(
    client: HubClient,
    slug: str,
    path: Path,
    memory: Memory,
    on_progress: Callable[[Sent], None],
) -> Sent:
    """Send a file's documents as `send_source` does."""
    return send_source(client, Route.collection(slug), FileSource(path), memory, on_progress)


def send_source(
    client: HubClient,
    route: Route,
    source: Source,
    memory: Memory,
    on_progress: Callable[[Sent], None],
) -> Sent:
    """Send lines, from where an earlier call came to; return what became of all of them.

    Raises HubError when the server refuses or stays away; the same call then goes on.
    """
    place = route.place
    sent = begun_before(client, place, memory)
    if sent is None:
        sent = Sent(int(client.call("POST", f"{place}/imports", **route.creation)["id"]))
        memory.keep(sent.import_id)
    on_progress(sent)
    for part in source.parts(sent.n_lines):
        answer = client.send_lines(
            f"{place}/{route.kind}/import",
            part.content,
            import_id=sent.import_id,
            from_line=sent.n_lines + 1,
            more=str(not part.is_last).lower(),
        )
        sent.n_lines = int(answer["n_lines"])
        sent.n_bytes = part.position
        sent.counts.update(answer["counts"])
        sent.n_errors += int(answer["n_errors"])
        on_progress(sent)
    memory.forget()
    return finished(client, place, sent)


def begun_before(client: HubClient, place: str, memory: Memory) -> Sent | None:
    """Return how far an earlier call came; None if there was none, or nobody knows of it."""
    import_id = memory.import_id()
    if import_id is None:
        return None
    try:
        state = client.call("GET", f"{place}/imports/{import_id}")
    except RequestRefused as error:
        if error.status == NOT_FOUND:
            return None
        raise
    if state["status"] in {"finished", "cancelled"}:
        return None
    return Sent(
        import_id,
        n_lines=int(state["n_lines"]),
        counts=Counter(state["counts"]),
        n_errors=int(state["n_errors"]),
    )


def finished(client: HubClient, place: str, sent: Sent) -> Sent:
    """Return the whole import as the server counts it: a request that was repeated tells less."""
    state = client.call("GET", f"{place}/imports/{sent.import_id}")
    if state["status"] != "finished":
        raise HubError(f"import {sent.import_id} is {state['status']}: {state['error']}")
    sent.counts, sent.n_errors = Counter(state["counts"]), int(state["n_errors"])
    return sent


def skip_lines(file: BinaryIO, n_lines: int) -> None:
    """Move to the line after so many."""
    for _ in range(n_lines):
        if not file.readline():
            raise HubError("the file has fewer lines than were sent of it")


def parts(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Yield the rest of a file in parts of whole lines, each with whether it is the last.

    An empty rest is one empty part: the server hears that all is sent.
    """
    ahead = _read_part(file)
    while True:
        part, ahead = ahead, _read_part(file)
        yield part, not ahead
        if not ahead:
            return


def _read_part(file: BinaryIO) -> bytes:
    part = file.read(PART_BYTES)
    return part if part.endswith(b"\n") else part + file.readline()


def report_address(client: HubClient, route: Route, sent: Sent) -> str:
    """Return where the report of refused lines can be had."""
    place = f"{route.place}/imports/{sent.import_id}/errors"
    return f"{client.server.url}{place}?format=csv"
