"""The JSON of answers."""

import uuid
from typing import Any, Literal

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.access.service import MAX_PRINCIPALS
from embedhub.search.schemas import NoteOut, WeightsIn
from embedhub.web.body import AnswerBody, RequestBody

EXAMPLE: dict[str, Any] = {"question": "How long may a letter of complaint take?"}


class TurnIn(RequestBody):
    """An earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: str


class AnswerIn(RequestBody):
    """A question, and how it shall be answered."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    question: str
    method: Literal["auto", "extractive", "generated"] = Field(
        default="auto",
        description="extractive: the documents' own sentences; generated: a language model's words;"
        " auto: generated where one is configured.",
    )
    # Checked once, by search.filters, which names the path of what is wrong.
    filter: SkipValidation[dict[str, Any] | None] = None
    principals: list[str] | None = Field(
        default=None,
        max_length=MAX_PRINCIPALS,
        description="Answer from what these may see too; null leaves it at what the key may see.",
    )
    language: str | None = Field(
        default=None, description="The question's, where it is not the collection's."
    )
    weights: WeightsIn | None = None
    max_citations: int | None = Field(
        default=None, ge=1, description="Documents that an extractive answer cites at most."
    )
    max_words: int | None = Field(
        default=None, ge=1, description="Words of an extractive answer at most."
    )
    context_tokens: int | None = Field(
        default=None, ge=1, description="Tokens of the passages that the answer is drawn from."
    )
    min_evidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description='Evidence below which the answer is "not found in the documents"; 0 always'
        " answers.",
    )
    history: list[TurnIn] = Field(
        default_factory=list,
        description="What was said before, oldest first: with a language model a follow-up is made"
        " a question of its own.",
    )
    conversation: str | None = Field(
        default=None,
        description='"new" keeps question and answer as a new conversation; its id goes on with it,'
        " in place of `history`.",
    )
    stream: bool = Field(default=False, description="Answer in server-sent events.")


class CollectionsAnswerIn(AnswerIn):
    """A question to several collections."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"collections": ["letters", "rules"], **EXAMPLE}]},
    )

    collections: list[str] = Field(min_length=1, description="The slugs of the collections.")


class CheckedSentenceOut(AnswerBody):
    """A sentence of the answer, held against the text it cites."""

    start: int
    end: int
    text: str
    citations: list[int] = Field(description="The numbers of what it cites.")
    supported: bool = Field(description="Whether the cited text backs it.")
    lexical: float = Field(description="Share of its words that the cited text holds.")
    semantic: float | None = Field(
        description="Cosine to the nearest sentence cited; null where nothing is encoded."
    )


class CitationOut(AnswerBody):
    """A range of characters of a stored document version, `end` not included."""

    number: int = Field(description="What [n] in the answer stands for.")
    collection: str
    external_id: str
    title: str
    url: str | None
    version: int
    start: int
    end: int
    text: str = Field(description="The version's text from start to end.")
    page: int | None = Field(description="The page on which it begins, if pages are known.")


class SourceOut(CitationOut):
    """A passage that comes near to an answer."""

    metadata: dict[str, Any]
    heading: str
    score: float


class AnswerTookOut(AnswerBody):
    """Milliseconds spent in each part."""

    search: float
    read: float
    encode: float
    generate: float
    total: float


class AnswerOut(AnswerBody):
    """An answer, and what backs each of its sentences."""

    request_id: uuid.UUID
    question: str = Field(description="What was searched for: a follow-up made standalone.")
    method: Literal["extractive", "generated"]
    found: bool = Field(description="False: the documents hold too little evidence.")
    text: str = Field(description="The answer, with marks [n] for its citations.")
    supported: bool = Field(description="Whether every sentence is backed by what it cites.")
    sentences: list[CheckedSentenceOut]
    citations: list[CitationOut]
    nearest: list[SourceOut] = Field(
        description="Where nothing was found: the passages that come nearest, best first."
    )
    evidence: float = Field(description="From 0 to 1; below min_evidence nothing was found.")
    min_evidence: float
    complete: bool = Field(description="False if passages may be missing; the notes say why.")
    notes: list[NoteOut]
    took: AnswerTookOut
    conversation: uuid.UUID | None = Field(description="The conversation it is kept in.")
