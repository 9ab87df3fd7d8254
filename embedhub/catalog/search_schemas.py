"""The JSON of searching items."""

import uuid
from typing import Any, Literal

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.search.schemas import (
    HitExplanationOut,
    LegOut,
    NoteOut,
    SpanOut,
    TookOut,
    WeightsIn,
)
from embedhub.web.body import AnswerBody, RequestBody

EXAMPLE: dict[str, Any] = {
    "query": "lost in space",
    "limit": 10,
    "filter": {"categories": "sci-fi", "year": {"$lt": 1990}},
}


class ItemSearchIn(RequestBody):
    """What to search for among the items: a text, a vector, or both."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    query: str | None = None
    vector: SkipValidation[list[float] | str | None] = Field(
        default=None, description="Numbers, or base64 of little-endian float32."
    )
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    limit: int = Field(default=10, ge=1)
    filter: SkipValidation[dict[str, Any] | None] = Field(
        default=None,
        description="As of documents, over the attributes, `categories` and `labels`.",
    )
    explain: bool = Field(default=False, description="Show ranks, scores and shares of the legs.")
    highlight: bool = True
    weights: WeightsIn | None = None
    language: str | None = Field(
        default=None, description="Of the query, where it is not the catalog's."
    )
    cursor: str | None = Field(default=None, description="Of the page before, same request.")
    queries: list[str] = Field(
        default=[],
        description="More wordings of the same question: each is asked like `query`, all count the"
        " same. Without `query` the first one is it.",
    )
    operators: bool = Field(
        default=True,
        description='Whether "phrases in quotes" have to be in a content and -words must not.',
    )


class HitItemOut(AnswerBody):
    """The item that was found; `content` is the text that its fields make."""

    external_id: str
    fields: dict[str, Any]
    content: str
    categories: list[str]
    labels: list[str]
    attributes: dict[str, Any]


class ItemHitOut(AnswerBody):
    """One item, best first."""

    score: float
    item: HitItemOut
    highlights: list[SpanOut] = Field(description="The matched words of the content.")
    sentence: SpanOut | None = Field(description="The sentence of the content that answers best.")
    explain: HitExplanationOut | None


class ItemSearchOut(AnswerBody):
    """A page of items; `complete` is false when some that belong on it may be missing."""

    request_id: uuid.UUID
    hits: list[ItemHitOut]
    plan: str = Field(
        description="The dense leg's plan, or bm25 where only words were asked.",
    )
    complete: bool
    cursor: str | None
    notes: list[NoteOut]
    legs: list[LegOut] | None = Field(description="Only with `explain`.")
    took: TookOut = Field(description="Milliseconds on the server.")
