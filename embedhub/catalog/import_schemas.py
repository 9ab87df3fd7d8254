"""The JSON of imports into catalogs."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from embedhub.documents.schemas import LineErrorOut
from embedhub.web.body import AnswerBody

RowKind = Literal["items", "users", "interactions"]
RowOutcome = Literal["created", "updated", "unchanged", "stale", "held"]


class CatalogImportOut(AnswerBody):
    """What a request stored of an import; of the refused lines the first thousand are listed."""

    import_id: int
    is_done: bool = Field(description="False while lines of this request are still to come.")
    n_lines: int = Field(description="The last line committed; the next one comes after it.")
    counts: dict[RowOutcome, int] = Field(
        description="held: interactions that wait for their user or item."
    )
    n_errors: int
    errors: list[LineErrorOut]


class CatalogImportState(AnswerBody):
    """How far an import is; `counts` and `n_errors` are of all its requests together."""

    id: int
    kind: RowKind
    status: Literal["waiting", "running", "finished", "broken", "cancelled"]
    n_lines: int
    next_line: int = Field(description="The first line not committed: where to go on.")
    n_bytes: int
    counts: dict[RowOutcome, int]
    n_errors: int
    error: str | None = Field(description="Why it broke.")
    created_at: datetime
    updated_at: datetime = Field(description="Of the last commit.")
    finished_at: datetime | None


class CatalogImportPage(AnswerBody):
    """A page of imports, the newest first."""

    items: list[CatalogImportState]
    cursor: str | None
