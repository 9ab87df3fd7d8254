"""The JSON of pinned and hidden documents."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SkipValidation, WithJsonSchema

from embedhub.search.ranking.json_schema import RANKING_SCHEMA
from embedhub.web.body import AnswerBody, RequestBody

# Read and checked by `settings`, which names the path of what is wrong.
Ranking = Annotated[SkipValidation[dict[str, Any]], WithJsonSchema(RANKING_SCHEMA)]
EXAMPLE: dict[str, Any] = {"action": "pin", "external_id": "faq-17", "query": "opening hours"}


class CurationIn(RequestBody):
    """A document to pin to the top of searches, or to hide from them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    action: Literal["pin", "hide"]
    external_id: str
    query: str | None = Field(
        default=None,
        description="In searches for this text (case and spaces do not matter); null: in all.",
    )
    position: int | None = Field(
        default=None, description="Of a pin, 1 for the top; null: behind the pins there are."
    )
    note: str = Field(default="", description="Why, for those who come after.")


class CurationOut(AnswerBody):
    """A document pinned or hidden by hand."""

    id: int
    action: Literal["pin", "hide"]
    external_id: str
    query: str | None = Field(description="As it is compared; null: every search.")
    position: int | None
    note: str
    created_by: str
    created_at: datetime
    removed_by: str | None
    removed_at: datetime | None = Field(description="When it was taken back; null: it holds.")


class CurationPage(AnswerBody):
    """A page of pinned and hidden documents, oldest first."""

    items: list[CurationOut]
    cursor: str | None
