"""The JSON of neighbor graphs and of similarities."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from embedhub.web.body import AnswerBody, RequestBody

LevelName = Literal["document", "chunk", "item"]


class GraphBuildIn(RequestBody):
    """A graph to build, or to bring up to date."""

    level: LevelName | None = Field(
        default=None,
        description="Of a collection its documents (default) or their passages (chunk); of a"
        " catalog its items.",
    )
    rebuild: bool = Field(default=False, description="Make all lists anew beside the live ones.")


class GraphRunOut(AnswerBody):
    """The run that builds."""

    run_id: int


class GraphFiguresOut(AnswerBody):
    """The graph that answers."""

    k: int = Field(description="Neighbors kept of each row.")
    n_nodes: int = Field(description="Rows with a list: those that have a vector.")
    n_saturated: int = Field(
        description="Lists whose last neighbor is still as similar as `saturation_threshold`:"
        " there may be more such neighbors."
    )
    method: Literal["exact", "hnsw"]
    recall: float | None = Field(
        description="Share of the true nearest that lists hold, over a sample compared with exact"
        " search."
    )
    recall_sample: int
    saturation_threshold: float
    built_at: datetime | None
    followed_at: datetime | None = Field(description="When it was last compared with the vectors.")


class GraphOut(AnswerBody):
    """How the neighbors of rows stand."""

    level: LevelName
    n_rows: int = Field(description="Rows there are, with a vector or without.")
    graph: GraphFiguresOut | None = Field(description="Null: not built yet.")
    run_id: int | None = Field(description="The build under way.")


class NeighborRowOut(AnswerBody):
    """A document, a passage of one, or an item."""

    external_id: str
    title: str
    url: str | None
    metadata: dict[str, Any]
    text: str = Field(description="How it begins.")
    position: int | None = Field(description="Of a passage in its document.")


class NeighborOut(AnswerBody):
    """A row that is near."""

    similarity: float = Field(description="Cosine of the two vectors, 1 best.")
    row: NeighborRowOut


class NeighborsOut(AnswerBody):
    """The nearest rows, nearest first."""

    level: LevelName
    row: NeighborRowOut
    neighbors: list[NeighborOut]
    source: Literal["graph", "search"] = Field(
        description="graph: out of the stored lists; search: looked for now, as searches do."
    )


class SimilarityIn(RequestBody):
    """Texts to compare."""

    texts: list[str] = Field(description="A row of the matrix each.")
    other: list[str] | None = Field(
        default=None, description="A column each; null: the same texts."
    )
    encoder: str | None = Field(
        default=None,
        description="An encoder, or a collection, whose encoder is taken; null: the default one.",
    )


class SimilarityOut(AnswerBody):
    """How similar texts are."""

    encoder: str
    matrix: list[list[float]] = Field(
        description="matrix[i][j] is the cosine of text i with other text j, 1 best."
    )
