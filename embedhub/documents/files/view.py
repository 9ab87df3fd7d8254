"""A file as a caller sees it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from embedhub.tables import File


class FileStatus(StrEnum):
    """The life of a file; the last two are final until it is sent or tried again."""

    WAITING = "waiting"
    READING = "reading"
    STORED = "stored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileView:
    """A file and what became of it; a failed one says why."""

    id: int
    external_id: str
    url: str | None
    media_type: str | None
    n_bytes: int
    sha256: str
    access: list[str] | None
    status: str
    reason_code: str | None
    reason: str | None
    attempts: int
    n_documents: int
    n_refused: int
    n_pages: int | None
    run_id: int | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a file that was sent, and the run that reads it."""

    file: FileView
    outcome: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class Original:
    """An original to be given back."""

    name: str
    n_bytes: int
    pieces: Iterator[bytes]


def view_of(file: File) -> FileView:
    """Return a file as it is shown."""
    return FileView(
        id=file.id,
        external_id=file.external_id,
        url=file.url,
        media_type=file.media_type,
        n_bytes=file.n_bytes,
        sha256=file.content_hash.hex(),
        access=file.access,
        status=file.status,
        reason_code=file.reason_code,
        reason=file.reason,
        attempts=file.attempts,
        n_documents=file.n_documents,
        n_refused=file.n_refused,
        n_pages=file.n_pages,
        run_id=file.run_id,
        created_at=file.created_at,
        updated_at=file.updated_at,
        finished_at=file.finished_at,
    )
