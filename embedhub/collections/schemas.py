"""The JSON of collections."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from embedhub.advice import AdviceCode
from embedhub.collections.service import MAX_FILTERABLE, MAX_NAME_CHARS
from embedhub.search.ranking.schemas import Ranking
from embedhub.search.recall.measures import FilterClass
from embedhub.web.body import AnswerBody, RequestBody

FieldType = Literal["number", "string", "boolean", "date", "array"]
RANKING = (
    "What ranks beyond the default, all optional: weights, fields, recency, boosts, diversity,"
    " collapse, reranker."
)
EXAMPLE: dict[str, Any] = {
    "slug": "papers",
    "language": "english",
    "chunking": {"strategy": "passages"},
    "filterable": {"year": "number"},
}


class ChunkingIn(RequestBody):
    """How documents become passages; what is left out is as by default."""

    strategy: Literal["passages", "sentence_window", "document"] | None = Field(
        default=None,
        description="passages (default): as full as fits, along headings, lists, tables and code;"
        " sentence_window: each sentence alone; document: one that covers everything.",
    )
    max_tokens: int | None = Field(
        default=None, description="Of a passage at most, counted by the collection's encoder."
    )
    overlap_tokens: int | None = Field(
        default=None, description="Of strategy passages: what neighbours share at most."
    )
    window_sentences: int | None = Field(
        default=None,
        description="Of strategy sentence_window: passages before and behind the one found that a"
        ' search with `context` "parent" returns.',
    )


class CollectionIn(RequestBody):
    """A collection to create; only the slug is required."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    slug: str = Field(description="Its name in addresses, unique in the workspace.")
    name: str | None = Field(default=None, max_length=MAX_NAME_CHARS)
    language: str | None = Field(
        default=None, description="A text search configuration of PostgreSQL, such as english."
    )
    encoder: str | None = Field(
        default=None, description='An encoder of this server, or "supplied": you send the vectors.'
    )
    dimension: int | None = Field(default=None, description='For encoder "supplied" only.')
    metric: Literal["cosine", "inner_product", "l2"] | None = Field(
        default=None, description='For encoder "supplied" only.'
    )
    chunking: ChunkingIn | None = None
    filterable: dict[str, FieldType] = Field(default={}, max_length=MAX_FILTERABLE)
    # Checked once, by search.ranking.settings, which names the path of what is wrong.
    ranking: Ranking = Field(default={}, description=RANKING)


class CollectionPatch(RequestBody):
    """What to change; language and encoder stay what they were at creation."""

    name: str | None = Field(default=None, max_length=MAX_NAME_CHARS)
    filterable: dict[str, FieldType] | None = Field(default=None, max_length=MAX_FILTERABLE)
    ranking: Ranking | None = Field(
        default=None, description=f"Replaces all of it; {{}} is the default. {RANKING}"
    )
    chunking: ChunkingIn | None = Field(
        default=None,
        description="Replaces all of it; {} is the default. Starts a run that parts the stored"
        " documents anew; each answers with its old passages until the new ones are encoded.",
    )
    # Accepted here so that the refusal can say why.
    slug: Any = None
    language: Any = None
    encoder: Any = None
    dimension: Any = None
    metric: Any = None


class CollectionOut(AnswerBody):
    """A collection."""

    id: int
    slug: str
    name: str
    language: str
    encoder: str
    dimension: int | None
    metric: str | None
    chunking: dict[str, Any]
    filterable: dict[str, FieldType]
    ranking: Ranking
    created_at: datetime


class AdviceOut(AnswerBody):
    """What somebody could do for a collection."""

    code: AdviceCode
    message: str = Field(description="What was seen, and what to do about it.")
    since: datetime


class RecallOut(AnswerBody):
    """How much the HNSW index finds: the latest background checks against exact search."""

    filter_class: FilterClass = Field(
        description="Searches without a filter, or with filters that keep about this part."
    )
    n_queries: int = Field(description="Checked searches that the figures are of.")
    n_asked: int = Field(description="Of them, asked by callers; the others by stored vectors.")
    n_incomplete: int = Field(description="Of them, answered with `complete` false.")
    recall: float = Field(description="Mean recall@10: found of the true ten nearest.")
    lowest: float = Field(description="Recall@10 of the worst of them.")
    plans: dict[str, int] = Field(description="How many of them ran by which plan.")
    since: datetime = Field(description="The oldest of these checks.")
    measured_at: datetime = Field(description="The newest of these checks.")


class CollectionDetailsOut(CollectionOut):
    """A collection with what is known of how well it is served."""

    recall: list[RecallOut] = Field(
        description="One entry a class of filters that was checked; empty for a collection that"
        " is searched exactly, and for keys with principals."
    )
    advice: list[AdviceOut] = Field(description="Oldest first; empty for keys with principals.")


class ChangedCollectionOut(CollectionOut):
    """A changed collection, with the run that brings its documents up to date, if one is needed."""

    run_id: int | None


class CollectionPage(AnswerBody):
    """A page of collections."""

    items: list[CollectionOut]
    cursor: str | None


class RemovalOut(AnswerBody):
    """The run that removes what was deleted; the slug is free already."""

    run_id: int


class StatusOut(AnswerBody):
    """How far the embedding of a collection is."""

    n_documents: int
    n_chunks: int
    n_embedded: int
    n_pending: int
    n_dead: int
    n_waiting_updates: int
    is_indexed: bool = Field(description="Nothing is pending and nothing is dead.")


class DeadOut(AnswerBody):
    """A passage whose vector could not be made, and why."""

    space_id: int
    chunk_id: int
    external_id: str
    position: int
    reason: str
    attempts: int
    dead_at: datetime


class DeadPage(AnswerBody):
    """A page of dead passages."""

    items: list[DeadOut]
    cursor: str | None


class RetryIn(RequestBody):
    """Which dead passages to try again; none named means all of the collection."""

    chunk_ids: list[int] | None = Field(default=None, max_length=10_000)


class RetryOut(AnswerBody):
    """How many dead passages were given a fresh start."""

    retried: int
