"""The JSON of runs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from embedhub.web.body import AnswerBody


class RunOut(AnswerBody):
    """A long job and how far it is."""

    id: int
    kind: str = Field(examples=["delete_collection"])
    subject: str = Field(examples=["collection 12"])
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    done: int
    total: int | None = Field(description="Null: not known yet.")
    progress: float | None = Field(description="From 0 to 1; null: not known yet.")
    eta_s: float | None = Field(description="Seconds left, if it goes on as it did.")
    phase: str | None = Field(
        description="What it does right now, in plain words.",
        examples=["building the vector index"],
    )
    waiting_for: str | None = Field(
        description="Whom it waits for and for how long; null: nobody.",
        examples=["a transaction of 'psql', open for 3 min (idle in transaction, process 4711)"],
    )
    forecast: dict[str, Any] | None = Field(
        description="What it was expected to take, before it began; null: nothing was foretold."
    )
    error: str | None
    result: dict[str, Any]
    is_cancel_asked: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunPage(AnswerBody):
    """A page of runs."""

    items: list[RunOut]
    cursor: str | None
