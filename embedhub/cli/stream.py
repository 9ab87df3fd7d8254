"""`embedhub ingest FILE.ndjson`: lines as they are, in parts of one import that can be resumed."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
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


def send_file(
    client: HubClient,
    slug: str,
    path: Path,
    memory: Memory,
    on_progress: Callable[[Sent], None],
) -> Sent:
    """Send a file's lines, from where an earlier call came to; return what became of all of them.

    Raises HubError when the server refuses or stays away; the same call then goes on.
    """
    place = f"/v1/collections/{quote(slug, safe='')}"
    sent = begun_before(client, place, memory)
    if sent is None:
        sent = Sent(int(client.call("POST", f"{place}/imports")["id"]))
        memory.keep(sent.import_id)
    with path.open("rb") as file:
        skip_lines(file, sent.n_lines)
        sent.n_bytes = file.tell()
        on_progress(sent)
        for part, is_last in parts(file):
            answer = client.send_lines(
                f"{place}/documents/import",
                part,
                import_id=sent.import_id,
                from_line=sent.n_lines + 1,
                more=str(not is_last).lower(),
            )
            sent.n_lines = int(answer["n_lines"])
            sent.n_bytes += len(part)
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
    if state["status"] == "finished":
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


def report_address(client: HubClient, slug: str, sent: Sent) -> str:
    """Return where the report of refused lines can be had."""
    place = f"/v1/collections/{quote(slug, safe='')}/imports/{sent.import_id}/errors"
    return f"{client.server.url}{place}?format=csv"
