"""The JSON of searches."""

import uuid
from typing import Any, Literal

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.access.service import MAX_PRINCIPALS
from embedhub.search.ranking.schemas import Ranking
from embedhub.web.body import AnswerBody, RequestBody

EXAMPLE: dict[str, Any] = {
    "query": "how does attention scale",
    "limit": 10,
    "filter": {"year": {"$gte": 2020}},
}


class WeightsIn(RequestBody):
    """How much each leg counts in the fused score."""

    dense: float = Field(ge=0, le=1, description="The dense leg's part; words count the rest.")


class SearchIn(RequestBody):
    """What to search for: a text, a vector, documents to be like, or several of them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    query: str | None = None
    # Checked once, by documents.inputs, as the vectors of documents are.
    vector: SkipValidation[list[float] | str | None] = Field(
        default=None, description="Numbers, or base64 of little-endian float32."
    )
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    limit: int = Field(default=10, ge=1)
    # Checked once, by search.filters, which names the path of what is wrong.
    filter: SkipValidation[dict[str, Any] | None] = None
    group: Literal["document", "chunk"] = "document"
    explain: bool = Field(default=False, description="Show ranks, scores and shares of the legs.")
    highlight: bool = True
    principals: list[str] | None = Field(
        default=None,
        max_length=MAX_PRINCIPALS,
        description="See only what these may see too; null leaves it at what the key may see.",
    )
    weights: WeightsIn | None = None
    like: list[str] = Field(
        default=[], description="External ids of documents that hits shall be similar to."
    )
    unlike: list[str] = Field(
        default=[], description="External ids of documents that hits shall not be similar to."
    )
    ranking: Ranking | None = Field(
        default=None,
        description="Replaces these parts of the collection's ranking for this search; null takes"
        " a part away.",
    )
    cursor: str | None = Field(default=None, description="Of the page before, same request.")
    queries: list[str] = Field(
        default=[],
        description="More wordings of the same question: each is asked like `query`, all count the"
        " same. Without `query` the first one is it.",
    )
    operators: bool = Field(
        default=True,
        description='Whether "phrases in quotes" have to be in a passage and -words must not. They'
        " mean nothing in queries of several lines or more than 24 words.",
    )
    context: Literal["parent"] | None = Field(
        default=None,
        description="parent: return with each hit the larger passage it stands in, what is under"
        " the same headings or, of single sentences, the window around it.",
    )


class CollectionsSearchIn(SearchIn):
    """What to search for, in several collections at once."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [EXAMPLE | {"collections": ["papers", "handbook"]}]},
    )

    collections: list[str] = Field(description="Their slugs.")


class SpanOut(AnswerBody):
    """A range of characters of the passage's text, `end` not included."""

    start: int
    end: int
    text: str


class HitDocumentOut(AnswerBody):
    """The document a hit belongs to."""

    external_id: str
    title: str
    url: str | None
    metadata: dict[str, Any]
    collection: str = Field(description="Slug of the collection it belongs to.")


class HitChunkOut(AnswerBody):
    """The passage that was found; `start` and `end` count characters of the document's text."""

    text: str
    start: int
    end: int
    position: int
    page: int | None = Field(description="It begins on, from 1; null without pages.")


class LegExplanationOut(AnswerBody):
    """One leg's part in a hit; the shares add up to its score.

    The part called neighbors is the mean score of the candidates nearest to it.
    """

    leg: Literal["dense", "lexical", "neighbors"]
    rank: int | None
    score: float | None
    normalized: float
    weight: float
    share: float
    query: int = Field(description="Of several queries, counted from 0.")


class AdjustmentOut(AnswerBody):
    """One step of the ranking behind fusion."""

    kind: str = Field(examples=["title", "recency", "boost", "rerank", "diversity", "pinned"])
    before: float
    after: float
    detail: str


class HitExplanationOut(AnswerBody):
    """Where a hit's score comes from; scores of different tiers are not comparable."""

    tier: int
    legs: list[LegExplanationOut]
    adjustments: list[AdjustmentOut] = Field(
        description="From the legs' sum to the hit's score, step by step."
    )


class HitParentOut(AnswerBody):
    """The larger passage that a hit stands in; `start` and `end` as of its chunk."""

    text: str
    start: int
    end: int
    heading_path: str


class HitOut(AnswerBody):
    """One answer, best first."""

    score: float
    document: HitDocumentOut
    chunk: HitChunkOut
    highlights: list[SpanOut] = Field(description="The matched words.")
    sentence: SpanOut | None = Field(description="The sentence that answers best.")
    explain: HitExplanationOut | None
    collapsed: list[str] = Field(
        description="External ids of near-duplicates that this hit stands for."
    )
    parent: HitParentOut | None = Field(description='Only with `context` "parent".')


class NoteOut(AnswerBody):
    """Something to know about this list."""

    code: str = Field(examples=["vectors_pending"])
    message: str


class LegOut(AnswerBody):
    """How one leg found its candidates."""

    leg: Literal["dense", "lexical"]
    plan: Literal["exact", "hnsw", "terms"] | None = Field(
        description="exact: every passage that passes was compared or scored; hnsw: the vector"
        " index; terms: the index on words; null with principals, who would learn of passages"
        " closed to them."
    )
    reason: str = Field(description="Why this plan, in plain words; empty with principals.")
    n_candidates: int
    complete: bool
    estimated_rows: int | None = Field(
        description="About how many passages pass filter and access; null if nobody had to guess,"
        " and with principals."
    )
    scanned_rows: int | None = Field(
        description="Passages that were really looked at, counted by Postgres in a second run"
        " behind `took`; null with principals."
    )
    ef_search: int | None = Field(
        description="Candidate list of the scan of the vector index; null with principals."
    )
    terms: dict[str, int] = Field(
        description="The query's words with the passages that hold them; empty with principals."
    )
    query: int = Field(description="Which of several queries was asked, counted from 0.")
    collection: str = Field(description="Slug of the collection that was asked.")


class TookOut(AnswerBody):
    """Milliseconds spent in each part."""

    encode: float = Field(description="Waiting for the query's vector, beyond the words beside.")
    dense: float
    lexical: float
    rerank: float
    hydrate: float
    highlight: float
    total: float


class SearchOut(AnswerBody):
    """A page of hits; `complete` is false when some that belong on it may be missing."""

    request_id: uuid.UUID
    hits: list[HitOut]
    plan: str | None = Field(
        description="The dense leg's plan, or bm25 where only words were asked; null with"
        " principals."
    )
    complete: bool
    cursor: str | None
    notes: list[NoteOut]
    legs: list[LegOut] | None = Field(description="Only with `explain`.")
    took: TookOut = Field(description="Milliseconds on the server.")
