"""The JSON of topics."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from embedhub.web.body import AnswerBody, RequestBody

EXAMPLE: dict[str, Any] = {"method": "kmeans", "k": 20}


class TopicScanIn(RequestBody):
    """How topics are found; nothing has to be said."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    method: Literal["hdbscan", "kmeans"] = Field(
        default="hdbscan",
        description="hdbscan finds how many topics there are, and leaves rows over that are far"
        " from all of them; kmeans puts every row into one of k.",
    )
    k: int | None = Field(
        default=None, description="Topics that kmeans makes; without, as many as fit best."
    )
    min_size: int | None = Field(
        default=None, description="Rows that a topic of hdbscan has at least; without, 15 or more."
    )
    level: Literal["document", "chunk", "item"] | None = Field(
        default=None, description="Whose topics; documents of a collection, items of a catalog."
    )
    llm_names: bool = Field(
        default=False,
        description="Whether the workspace's language model words the names. It is sent the words"
        " and some texts of each topic.",
    )


class TopicRunOut(AnswerBody):
    """The run that finds topics."""

    run_id: int


class TopicNameIn(RequestBody):
    """A topic's new name."""

    name: str = Field(description="1 to 120 characters; it stays in every later fit.")
    level: Literal["document", "chunk", "item"] | None = None


class TopicFitOut(AnswerBody):
    """How topics were found, and how good they are."""

    id: int
    level: str
    status: str
    method: str
    settings: dict[str, Any] = Field(description="What was asked for, and what was chosen.")
    metrics: dict[str, Any] = Field(
        description="noise_share: what hdbscan left over; soft_share: of these, what joined the"
        " nearest topic after all; unsorted_share: what is in no topic; largest_share; silhouette"
        " and stability from -1 to 1 (a grouping of half of the rows against this one);"
        " kept_neighbors: of the 15 nearest rows the share that is so on the map too; seconds of"
        " each step. Empty for somebody bound to principals."
    )
    n_rows: int
    n_new: int = Field(description="Rows that came after the fit and joined by their neighbors.")
    n_unsorted: int
    revision: int = Field(description="Grows with every change of a place or a name.")
    run_id: int | None
    created_at: datetime
    live_at: datetime | None


class TopicWordOut(AnswerBody):
    """A word, or two, of a topic."""

    word: str
    score: float = Field(description="c-TF-IDF: how much more this topic says it than others.")


class TopicTitleOut(AnswerBody):
    """A row in the middle of a topic."""

    external_id: str
    title: str
    url: str | None
    position: int | None = Field(description="Of a passage: its place in the document.")


class TopicOut(AnswerBody):
    """A topic; counts are of the rows that the caller sees."""

    number: int = Field(description="Stays from fit to fit while most of its rows do.")
    name: str
    name_source: str = Field(description="words, llm or staff.")
    name_facts: dict[str, Any] = Field(description="Who or what named it, and when.")
    words: list[TopicWordOut] = Field(
        description="Empty for somebody bound to principals if closed rows gave them."
    )
    titles: list[TopicTitleOut]
    n_rows: int
    n_new: int
    n_soft: int
    share: float
    kept_share: float | None = Field(
        description="Of the former fit's rows of this topic, those that are in it still."
    )
    x: float | None
    y: float | None


class TopicPage(AnswerBody):
    """Topics, the largest first."""

    fit: TopicFitOut | None = Field(description="null: none was made yet.")
    run_id: int | None = Field(description="The run that finds topics right now.")
    items: list[TopicOut]
    cursor: str | None


class TopicRowOut(AnswerBody):
    """A row and where it belongs."""

    id: int = Field(description="As the binary map has it.")
    external_id: str
    title: str
    url: str | None
    position: int | None
    topic: int | None
    p: float = Field(description="The share of its neighbors, weighed by likeness, in its topic.")
    is_soft: bool
    is_new: bool
    x: float | None
    y: float | None


class TopicRowPage(AnswerBody):
    """Rows of a topic."""

    items: list[TopicRowOut]
    cursor: str | None


class TopicRowList(AnswerBody):
    """Rows of the map."""

    items: list[TopicRowOut]


class TopicFitList(AnswerBody):
    """Fits that answered, the newest first."""

    items: list[TopicFitOut]


class TrendSeriesOut(AnswerBody):
    """Rows of a topic, one count a time."""

    topic: int | None
    counts: list[int]
    total: int


class TrendOut(AnswerBody):
    """Rows of each topic over time."""

    bucket: str
    field: str | None
    times: list[str]
    series: list[TrendSeriesOut]
    is_cut: bool = Field(description="Whether there are earlier times than these.")
