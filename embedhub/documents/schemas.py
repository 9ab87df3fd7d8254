"""The JSON of documents."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.access.service import MAX_PRINCIPALS
from embedhub.web.body import AnswerBody, RequestBody

OutcomeKind = Literal["created", "updated", "unchanged", "stale"]
Format = Literal["plain", "markdown", "code"]
EXAMPLE: dict[str, Any] = {
    "external_id": "1",
    "title": "Attention is all you need",
    "text": "The dominant sequence transduction models ...",
    "url": "https://example.org/1",
    "metadata": {"year": 2017, "tags": ["nlp"]},
}
Principals = Field(
    default=None,
    max_length=MAX_PRINCIPALS,
    description="See only what these may see too; null leaves it at what the key may see.",
)


class DocumentIn(RequestBody):
    """A document to store under the caller's id."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    external_id: str = Field(min_length=1, max_length=512)
    title: str | None = None
    text: str | None = None
    url: str | None = None
    metadata: dict[str, Any] | None = None
    access: list[str] | None = Field(
        default=None, description="Who may see it; null: everybody in the workspace."
    )
    source_version: int | None = Field(
        default=None, ge=0, description="A smaller one than is stored changes nothing."
    )
    language: str | None = Field(default=None, description="Null: the collection's.")
    expires_at: datetime | None = None
    vector: list[float] | str | None = Field(
        default=None, description="Numbers, or base64 of little-endian float32."
    )
    format: Format | None = Field(
        default=None,
        description="What its headings, lists and blocks are written in; null: Markdown where the"
        " url, or else the external_id, ends like a Markdown file, plain otherwise.",
    )
    page_starts: list[int] | None = Field(
        default=None,
        description="The offset in the text at which each page begins, the first one 0: hits then"
        " tell the page they are on.",
    )


class BatchIn(RequestBody):
    """Documents to store, all of them or none."""

    # Checked once, by documents.inputs, which knows the limits and names the path of what is wrong.
    documents: list[SkipValidation[DocumentIn]]


class OutcomeOut(AnswerBody):
    """What became of one document."""

    external_id: str
    outcome: OutcomeKind


class DeadDocument(AnswerBody):
    """A document whose vector could not be made, and why."""

    external_id: str
    reason: str


class IndexingOut(AnswerBody):
    """What `wait=indexed` waited for."""

    is_indexed: bool
    pending: list[str]
    dead: list[DeadDocument]
    hint: str | None


class BatchOut(AnswerBody):
    """What became of each document, in the order sent."""

    items: list[OutcomeOut]
    counts: dict[OutcomeKind, int]
    run_id: int | None = Field(
        description="The run that lets filters see changed metadata and access, where these stand"
        " in too many passages for one request; null: filters see all."
    )
    indexing: IndexingOut | None


class LineErrorOut(AnswerBody):
    """Why one line of an import was not stored; lines count from 1."""

    line: int
    message: str
    external_id: str | None = Field(description="Null where the line could not be read so far.")


class ImportOut(AnswerBody):
    """What a request stored of an import; of the refused lines the first thousand are listed."""

    import_id: int
    is_done: bool = Field(description="False while lines of this request are still to come.")
    n_lines: int = Field(description="The last line committed; the next one comes after it.")
    counts: dict[OutcomeKind, int]
    n_errors: int
    errors: list[LineErrorOut]


class ImportState(AnswerBody):
    """How far an import is; `counts` and `n_errors` are of all its requests together."""

    id: int
    kind: Literal["documents"]
    status: Literal["waiting", "running", "finished", "broken", "cancelled"]
    n_lines: int
    next_line: int = Field(description="The first line not committed: where to go on.")
    n_bytes: int
    counts: dict[OutcomeKind, int]
    n_errors: int
    error: str | None = Field(description="Why it broke.")
    created_at: datetime
    updated_at: datetime = Field(description="Of the last commit.")
    finished_at: datetime | None


class ImportPage(AnswerBody):
    """A page of imports, the newest first."""

    items: list[ImportState]
    cursor: str | None


class LineErrorPage(AnswerBody):
    """A page of refused lines, by their numbers."""

    items: list[LineErrorOut]
    cursor: str | None


class DocumentOut(AnswerBody):
    """A document in its newest accepted version; text, format and pages are null in lists."""

    id: int
    external_id: str
    title: str
    text: str | None
    url: str | None
    metadata: dict[str, Any]
    access: list[str] | None
    language: str | None
    source_version: int | None
    expires_at: datetime | None
    version: int
    is_live: bool = Field(description="False while an older text still answers searches.")
    format: Format | None = Field(description="Null in lists.")
    page_starts: list[int] | None = Field(
        description="The offset in the text at which each page begins; null without pages."
    )
    file_id: int | None = Field(description="The file it was read from; null: sent as text.")
    created_at: datetime
    updated_at: datetime


class ListIn(RequestBody):
    """Which documents to list."""

    filter: dict[str, Any] | None = Field(default=None, examples=[{"year": {"$gte": 2020}}])
    cursor: str | None = None
    limit: int | None = None
    principals: list[str] | None = Principals


class DocumentListPage(AnswerBody):
    """A page of documents, in the order they were first sent."""

    items: list[DocumentOut]
    cursor: str | None


class GetIn(RequestBody):
    """Which documents to get."""

    external_ids: list[str]
    principals: list[str] | None = Principals


class GotOut(AnswerBody):
    """The documents in the order asked; null where there is none to be seen."""

    items: list[DocumentOut | None]


class DeleteIn(RequestBody):
    """Which documents to delete: by ids or by a filter."""

    external_ids: list[str] | None = None
    filter: dict[str, Any] | None = None


class DeletedOut(AnswerBody):
    """How many documents are gone, or the run that deletes them."""

    n_deleted: int
    run_id: int | None
