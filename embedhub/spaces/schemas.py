"""The JSON of a collection's index."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from embedhub.web.body import AnswerBody, RequestBody


class ForecastOut(AnswerBody):
    """What building the index would take now."""

    rows: int
    seconds: float = Field(description="Learned from earlier builds here, else typical.")
    memory_needed_bytes: int = Field(description="For linking the whole graph in memory.")
    memory_given_bytes: int = Field(description="What the build would be given.")
    fits_in_memory: bool = Field(description="If not, the rest is linked on disk, much slower.")
    workers: int = Field(description="Processes that may help.")
    index_bytes: int
    disk_needed_bytes: int = Field(description="The new index beside the old one, and the log.")
    disk_free_bytes: int | None = Field(description="Null: cannot be known from here.")
    has_room: bool = Field(description="If not, the build is refused.")


class IndexAdviceOut(AnswerBody):
    """What could be done for the index."""

    code: str
    message: str
    since: datetime


class IndexOut(AnswerBody):
    """How the vectors of a collection are searched, and in what state that is."""

    shelf: Literal["shared", "own"] = Field(
        description="Small collections share a table without an index."
    )
    rows: int
    plan: Literal["exact", "hnsw"] = Field(description="How a search without a filter goes.")
    precision: Literal["halfvec", "vector", "bit"]
    metric: str
    dimension: int
    is_valid: bool | None = Field(description="Null: there is no index.")
    index_bytes: int
    table_bytes: int
    dead_rows: int = Field(description="Deleted or changed rows that were not vacuumed yet.")
    dead_share: float
    definition: str | None = Field(description="Null: none, or built by an older release.")
    run_id: int | None = Field(description="The run at work on this index.")
    forecast: ForecastOut = Field(description="What a rebuild would take.")
    advice: list[IndexAdviceOut]


class RebuildIn(RequestBody):
    """How to build the index; nothing given builds it as it is."""

    precision: Literal["halfvec", "vector", "bit"] | None = Field(
        default=None,
        description="What the index holds of a vector; the table keeps it in full, and hits are"
        " scored by that.",
        examples=["bit"],
    )


class RebuildOut(AnswerBody):
    """The run that builds the index, and what it is expected to take."""

    run_id: int
    forecast: ForecastOut
