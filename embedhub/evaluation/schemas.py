"""The JSON of judged queries, feedback, variants and evaluations."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.evaluation.feedback import DEFAULT_MIN_CLICKS, MAX_MIN_CLICKS
from embedhub.evaluation.formats import MAX_RELEVANCE
from embedhub.evaluation.inputs import DEFAULT_SPLIT, MAX_QUERIES
from embedhub.evaluation.setting import MAX_SETTINGS
from embedhub.web.body import AnswerBody, RequestBody

QUERIES_EXAMPLE: dict[str, Any] = {
    "queries": [
        {
            "query": "what is attention",
            "judgments": [{"external_id": "attention", "relevance": 1}],
        }
    ]
}
IMPORT_EXAMPLE: dict[str, Any] = {
    "queries": '{"_id": "1", "text": "what is attention"}\n',
    "qrels": "query-id\tcorpus-id\tscore\n1\tattention\t1\n",
}
SETTINGS_EXAMPLE: dict[str, Any] = {
    "settings": [
        {"name": "live"},
        {"name": "more meaning", "ranking": {"weights": {"dense": 0.7}}},
    ]
}


class JudgmentIn(RequestBody):
    """How relevant a document is."""

    external_id: str
    relevance: int = Field(ge=0, le=MAX_RELEVANCE, description="0: not at all.")


class JudgedQueryIn(RequestBody):
    """A query and what was judged of it."""

    external_id: str | None = Field(
        default=None, description="Null: one that follows from the text."
    )
    query: str
    split: str = Field(default=DEFAULT_SPLIT, description="The set it belongs to.")
    judgments: list[JudgmentIn] | None = Field(
        default=None, description="In place of those there are; null leaves these."
    )


class JudgedQueriesIn(RequestBody):
    """Queries to create or change."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [QUERIES_EXAMPLE]}
    )

    queries: list[JudgedQueryIn] = Field(min_length=1, max_length=MAX_QUERIES)


class JudgedOutcomeOut(AnswerBody):
    """What became of one query."""

    id: int
    external_id: str
    outcome: Literal["created", "updated"]


class JudgedOutcomesOut(AnswerBody):
    """What became of the queries, in the order sent."""

    items: list[JudgedOutcomeOut]


class JudgedQueryOut(AnswerBody):
    """A judged query with how much of it is judged."""

    id: int
    external_id: str
    query: str
    split: str
    source: Literal["manual", "import", "feedback"]
    n_judgments: int
    n_relevant: int
    created_at: datetime
    updated_at: datetime


class JudgedQueryPage(AnswerBody):
    """A page of judged queries."""

    items: list[JudgedQueryOut]
    cursor: str | None


class JudgmentOut(AnswerBody):
    """One judgment."""

    external_id: str
    relevance: int
    judged_by: str | None = Field(description="Null: it came with its query.")
    judged_at: datetime
    is_present: bool = Field(description="Whether the collection has the document.")


class JudgedQueryDetailsOut(JudgedQueryOut):
    """A judged query with its judgments, the most relevant first."""

    judgments: list[JudgmentOut]


class ChangedJudgmentIn(RequestBody):
    """A judgment to set, or to take back."""

    external_id: str
    relevance: int | None = Field(
        ge=0, le=MAX_RELEVANCE, description="0: not at all; null takes the judgment back."
    )


class JudgmentsIn(RequestBody):
    """Judgments of one query to set; others stay."""

    judgments: list[ChangedJudgmentIn] = Field(min_length=1, max_length=1_000)


class JudgedImportIn(RequestBody):
    """The content of two files as BEIR or TREC publish them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [IMPORT_EXAMPLE]}
    )

    queries: str = Field(
        description="JSON lines with _id and text, TREC topics, or lines of id, tab, text."
    )
    qrels: str = Field(
        description="Query, document and relevance by tab or space, with or without BEIR's header"
        " or TREC's second column."
    )
    split: str = DEFAULT_SPLIT


class JudgedImportOut(AnswerBody):
    """What an import held."""

    n_queries: int
    n_judgments: int
    n_without_text: int = Field(description="Queries of the judgments whose text is not there.")
    n_without_judgments: int = Field(description="Queries left out because nothing is judged.")
    n_negative: int = Field(description="Judgments below 0, taken as 0.")


class JudgedDeletionIn(RequestBody):
    """Which judged queries to delete."""

    ids: list[int] | None = Field(
        default=None, max_length=10_000, description="Null with `all`: every one."
    )
    all: bool = False


class JudgedDeletionOut(AnswerBody):
    """How many were deleted."""

    deleted: int


class HarvestIn(RequestBody):
    """How feedback becomes judgments."""

    min_clicks: int = Field(
        default=DEFAULT_MIN_CLICKS,
        ge=1,
        le=MAX_MIN_CLICKS,
        description="Searches in which a document was clicked, to count as relevant.",
    )
    days: int | None = Field(default=None, ge=1, description="Look at so many days; null: all.")
    split: str = "feedback"


class HarvestOut(AnswerBody):
    """What came of the feedback."""

    n_queries: int
    n_judgments: int
    n_undecided: int = Field(description="Pairs of query and document of which too little is said.")
    n_kept: int = Field(description="Judgments of people and imports, left as they are.")


class FeedbackIn(RequestBody):
    """What somebody did with a hit."""

    request_id: uuid.UUID = Field(description="Of the search that showed the hit.", strict=False)
    external_id: str = Field(description="The document's.")
    kind: Literal["click", "like", "dislike"]


class FeedbackOut(AnswerBody):
    """What was stored."""

    request_id: uuid.UUID
    external_id: str
    kind: Literal["click", "like", "dislike"]


class SettingIn(RequestBody):
    """A way to search: written out, or a variant by its name."""

    name: str | None = Field(default=None, description="How the figures call it.")
    variant: str | None = Field(default=None, description="A saved setting; nothing else then.")
    mode: Literal["hybrid", "dense", "lexical"] | None = None
    # Checked by search.ranking.settings, which names the path of what is wrong.
    ranking: SkipValidation[dict[str, Any] | None] = Field(
        default=None, description="Parts that take the place of the collection's own."
    )
    collection: str | None = Field(
        default=None,
        description="Slug of another collection with the same documents, such as one with other"
        " passages or another encoder.",
    )


class EvaluationIn(RequestBody):
    """Which settings to measure, and how."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [SETTINGS_EXAMPLE]}
    )

    settings: list[SettingIn] = Field(
        default=[SettingIn(name="live")],
        min_length=1,
        max_length=MAX_SETTINGS,
        description="The first is what the others are compared to; without any: what is live.",
    )
    k: int = Field(default=10, ge=1, description="Where nDCG, recall and success end.")
    depth: int = Field(default=100, ge=1, description="Hits of each query that are looked at.")
    split: str | None = Field(default=None, description="Queries of one set; null: all of them.")


class MetricOut(AnswerBody):
    """A mean over the queries with its 95 % interval; null bounds: fewer than two queries."""

    metric: str = Field(examples=["ndcg@10"])
    mean: float
    low: float | None
    high: float | None


class DifferenceOut(MetricOut):
    """How a setting differs from the first one, query by query."""

    p_value: float | None = Field(
        description="Chance of a difference this large between equally good settings."
    )
    n_better: int
    n_worse: int


class ResultOut(AnswerBody):
    """What was measured of one setting."""

    name: str
    metrics: list[MetricOut]
    n_without_hits: int
    notes: dict[str, int] = Field(description="What searches told, by how many of them.")
    median_ms: float = Field(description="Of a search, on the machine that evaluated.")
    comparison: list[DifferenceOut] | None = Field(description="With the first; null for that.")


class EvaluationOut(AnswerBody):
    """An evaluation and, once it has succeeded, its results in the settings' order."""

    id: int
    run_id: int | None
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: float | None
    error: str | None
    k: int
    depth: int
    split: str | None
    settings: list[dict[str, Any]]
    n_queries: int | None = Field(description="Queries measured.")
    n_skipped: int | None = Field(description="Queries without a relevant judgment, left out.")
    n_missing: int | None = Field(description="Relevant documents the collection does not have.")
    results: list[ResultOut]
    created_at: datetime
    finished_at: datetime | None


class EvaluationPage(AnswerBody):
    """A page of the history."""

    items: list[EvaluationOut]
    cursor: str | None


class EvaluatedQueryOut(AnswerBody):
    """One query's figures, one a setting, in the settings' order."""

    number: int
    external_id: str
    query: str
    n_relevant: int
    figures: dict[str, list[float]]


class EvaluatedQueryPage(AnswerBody):
    """A page of an evaluation's queries."""

    items: list[EvaluatedQueryOut]
    cursor: str | None


class VariantIn(RequestBody):
    """A setting to save under a name."""

    name: str
    mode: Literal["hybrid", "dense", "lexical"] | None = None
    ranking: SkipValidation[dict[str, Any] | None] = Field(
        default=None, description="Parts that take the place of the collection's own."
    )
    collection: str | None = None


class VariantOut(AnswerBody):
    """A saved setting."""

    name: str
    source: Literal["manual", "learned", "former"]
    setting: dict[str, Any]
    facts: dict[str, Any] = Field(description="How a learned one was found.")
    created_at: datetime


class VariantList(AnswerBody):
    """The variants of a collection."""

    items: list[VariantOut]


class VariantNameIn(RequestBody):
    """Which variant."""

    name: str


class AppliedOut(AnswerBody):
    """What is live now, and the variant that brings back what was."""

    ranking: dict[str, Any]
    former: str


class LearningIn(RequestBody):
    """How weights are learned."""

    split: str | None = None
    k: int = Field(default=10, ge=1, description="nDCG at this place is what counts.")
    apply: Literal["never", "if_better"] = Field(
        default="never",
        description="if_better: made live if better on unseen queries with p below 0.05.",
    )


class LearningOut(AnswerBody):
    """The run that learns; its result names the variant."""

    run_id: int
