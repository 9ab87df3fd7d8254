"""The JSON of judged queries and of feedback."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from embedhub.evaluation.feedback import DEFAULT_MIN_CLICKS, MAX_MIN_CLICKS
from embedhub.evaluation.formats import MAX_RELEVANCE
from embedhub.evaluation.inputs import DEFAULT_SPLIT, MAX_QUERIES
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
