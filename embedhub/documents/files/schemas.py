"""The JSON of files."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from embedhub.documents.schemas import Principals
from embedhub.web.body import AnswerBody, RequestBody

Status = Literal["waiting", "reading", "stored", "failed"]
REASON_CODES = (
    "password, no_text_layer, broken, too_large, limit, unsupported, empty, time, memory, missing,"
    " cancelled, unreachable or address_refused"
)


class FileOut(AnswerBody):
    """A file and what became of it."""

    id: int
    external_id: str
    url: str | None
    media_type: str | None = Field(description="As its content says; null until it is read.")
    n_bytes: int
    sha256: str = Field(description="Hexadecimal; empty until it is fetched from its address.")
    access: list[str] | None
    status: Status
    reason_code: str | None = Field(description=f"Why it failed: {REASON_CODES}.")
    reason: str | None = Field(
        description="The same for people; of a stored file, which of its parts gave nothing."
    )
    attempts: int
    n_documents: int
    n_refused: int = Field(description="Parts that gave no document: members, lines, rows.")
    n_pages: int | None
    run_id: int | None = Field(description="The run that reads it, or has read it.")
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class AcceptedFile(AnswerBody):
    """What became of a file that was sent."""

    file: FileOut
    outcome: Literal["created", "updated", "unchanged", "retried"]


class AcceptedFiles(AnswerBody):
    """What became of the files sent, in their order."""

    items: list[AcceptedFile]
    run_id: int | None = Field(description="The run that reads them; null: none has to be read.")


class FilePage(AnswerBody):
    """A page of files, the newest first."""

    items: list[FileOut]
    cursor: str | None


class FileDeleted(AnswerBody):
    """A file is gone, and so many documents with it."""

    n_documents: int


class FetchIn(RequestBody):
    """A file by its address, and what its documents get."""

    url: str = Field(examples=["https://example.org/report.pdf"])
    external_id: str | None = Field(default=None, description="Null: the address.")
    title: str | None = None
    metadata: dict[str, Any] | None = None
    access: list[str] | None = None
    language: str | None = None
    expires_at: datetime | None = None


class GetFilesIn(RequestBody):
    """Files by our ids or by the callers', one of the two."""

    ids: list[int] | None = None
    external_ids: list[str] | None = None
    principals: list[str] | None = Principals


class GotFiles(AnswerBody):
    """The files in the order asked, null where there is none to be seen."""

    items: list[FileOut | None]
