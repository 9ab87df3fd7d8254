"""`embedhub ingest FOLDER`: what is new or changed is sent, the rest is passed over."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from embedhub.cli.client import HubClient, RequestRefused
from embedhub.documents.parsing.parsed import MAX_EXTERNAL_ID_CHARS, RefusedFile

CHECKED_AT_ONCE = 200
# Of one request; a larger file goes alone.
SENT_FILES, SENT_BYTES = 50, 8 * 2**20
ASKED_AT_ONCE = 200
POLL_S = 0.3
HASHED_BYTES = 1 << 20
FINAL = frozenset({"stored", "failed"})

Named = tuple[str, Path]


@dataclass(slots=True)
class Upload:
    """What became of a folder's files so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[RefusedFile] = field(default_factory=list)
    n_documents: int = 0
    # of the files to be read, by id: what their sending came to
    waiting: dict[int, str] = field(default_factory=dict)

    @property
    def n_files(self) -> int:
        """How many files are dealt with as far as sending goes."""
        return self.outcomes.total() + len(self.waiting) + len(self.failures)

    def fail(self, name: str, reason: str) -> None:
        self.failures.append(RefusedFile(name, reason))

    def settle(self, file: dict[str, Any]) -> None:
        """Count a file that has been read, or could not be."""
        outcome = self.waiting.pop(int(file["id"]))
        if file["status"] == "failed":
            self.fail(file["external_id"], file["reason"] or "could not be read")
            return
        self.outcomes[outcome] += 1
        self.n_documents += int(file["n_documents"])
        if file["n_refused"]:
            self.failures.append(RefusedFile(file["external_id"], file["reason"] or ""))
            self.outcomes["in part"] += 1
            self.outcomes[outcome] -= 1

    def sentence(self) -> str:
        """Return it in words, such as "3 created, 5 unchanged, 1 failed"."""
        parts = [
            f"{count:,} {outcome}" for outcome, count in sorted(self.outcomes.items()) if count
        ]
        n_failed = len(self.failures) - self.outcomes["in part"]
        if n_failed:
            parts.append(f"{n_failed:,} failed")
        if self.waiting:
            parts.append(f"{len(self.waiting):,} to be read")
        return ", ".join(parts) or "nothing found"


def send_folder(
    client: HubClient, slug: str, files: Iterable[Named], on_progress: Callable[[Upload], None]
) -> Upload:
    """Send the files that the server does not have as they are; return what became of them."""
    place = f"/v1/collections/{quote(slug, safe='')}/files"
    upload = Upload()
    for some in groups(sendable(files, upload), CHECKED_AT_ONCE):
        changed = list(not_stored(client, place, some, upload))
        on_progress(upload)
        for batch in batches(changed):
            send_batch(client, place, batch, upload)
            on_progress(upload)
    return upload


def wait_until_read(
    client: HubClient, slug: str, upload: Upload, on_progress: Callable[[Upload], None]
) -> None:
    """Return when all that was sent has been read."""
    place = f"/v1/collections/{quote(slug, safe='')}/files"
    while upload.waiting:
        # They are read in the order of their ids.
        ids = sorted(upload.waiting)[:ASKED_AT_ONCE]
        settled = 0
        answer = client.call("POST", f"{place}/get", {"ids": ids})
        for file_id, file in zip(ids, answer["items"], strict=True):
            if file is None:
                upload.waiting.pop(file_id)
            elif file["status"] in FINAL:
                upload.settle(file)
                settled += 1
        on_progress(upload)
        if not settled:
            time.sleep(POLL_S)


def sendable(files: Iterable[Named], upload: Upload) -> Iterator[Named]:
    """Yield the files whose names can be sent; note the others."""
    for name, path in files:
        try:
            name.encode()
        except UnicodeEncodeError:
            upload.fail(ascii(name)[1:-1], "its name is not UTF-8")
            continue
        if len(name) > MAX_EXTERNAL_ID_CHARS:
            upload.fail(name, f"its name has more than {MAX_EXTERNAL_ID_CHARS} characters")
            continue
        yield name, path


def not_stored(
    client: HubClient, place: str, files: Sequence[Named], upload: Upload
) -> Iterator[Named]:
    """Yield the files that the server does not have with this very content."""
    names = [name for name, _ in files]
    answer = client.call("POST", f"{place}/get", {"external_ids": names})
    for (name, path), stored in zip(files, answer["items"], strict=True):
        try:
            is_new = stored is None or stored["status"] == "failed"
            # Also of a new one: what cannot be opened would end the sending of all.
            path.open("rb").close()
            if is_new or stored["sha256"] != sha256_of(path):
                yield name, path
            else:
                upload.outcomes["unchanged"] += 1
        except OSError as error:
            upload.fail(name, error.strerror or str(error))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(HASHED_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def batches(files: Iterable[Named]) -> Iterator[list[Named]]:
    """Group files, bounded in count and bytes."""
    batch: list[Named] = []
    n_bytes = 0
    for name, path in files:
        size = path.stat().st_size
        if batch and (len(batch) >= SENT_FILES or n_bytes + size > SENT_BYTES):
            yield batch
            batch, n_bytes = [], 0
        batch.append((name, path))
        n_bytes += size
    if batch:
        yield batch


def send_batch(client: HubClient, place: str, batch: list[Named], upload: Upload) -> None:
    """Send files in one request; if it is refused, each alone, so that one costs no other."""
    try:
        answer = client.send_files(place, batch)
    except RequestRefused as error:
        if error.status not in {413, 422}:
            raise
        if len(batch) == 1:
            upload.fail(batch[0][0], str(error))
            return
        for file in batch:
            send_batch(client, place, [file], upload)
        return
    for item in answer["items"]:
        if item["outcome"] == "unchanged":
            upload.outcomes["unchanged"] += 1
        else:
            upload.waiting[int(item["file"]["id"])] = item["outcome"]


def groups(files: Iterable[Named], size: int) -> Iterator[list[Named]]:
    """Yield files in groups of a size."""
    group: list[Named] = []
    for file in files:
        group.append(file)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
