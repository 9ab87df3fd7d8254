"""The JSON of evaluations and variants."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.collections.schemas import ChunkingIn
from embedhub.evaluation.setting import MAX_SETTINGS
from embedhub.web.body import AnswerBody, RequestBody

SETTINGS_EXAMPLE: dict[str, Any] = {
    "settings": [
        {"name": "live"},
        {"name": "more meaning", "ranking": {"weights": {"dense": 0.7}}},
    ]
}


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
    median_ms: float = Field(
        description="Of a search, its query encoded before, on the machine that evaluated."
    )
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
    collection: str | None = Field(
        default=None,
        description="Slug of another collection with the same documents; with a chunking, of the"
        " one that a run makes (null: named after both).",
    )
    chunking: ChunkingIn | None = Field(
        default=None,
        description="Parts the same documents otherwise, in a collection beside this one; the run"
        " that fills it is `facts.run_id`.",
    )


class VariantOut(AnswerBody):
    """A saved setting."""

    name: str
    source: Literal["manual", "learned", "former"]
    setting: dict[str, Any]
    facts: dict[str, Any] = Field(
        description="How a learned one was found, or the run that fills another chunking's."
    )
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
    run_id: int | None = Field(description="The run that parts the documents anew, if one does.")


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
