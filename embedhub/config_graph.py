"""The settings of neighbor graphs; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class GraphPart(BaseSettings):
    """How many neighbors are kept, how they are found, and how soon changes are followed."""

    graph_neighbors: int = Field(
        32, ge=1, le=500, description="Neighbors that a graph keeps of each row."
    )
    graph_exact_rows: int = Field(
        250_000,
        ge=0,
        description="Up to so many rows (of 384 dimensions; of wider ones fewer) neighbors are"
        " found by comparing all with all, which takes about 0.8 GB of memory for 250,000. Beyond,"
        " the HNSW index is asked.",
    )
    graph_ef_search: int = Field(
        200,
        ge=1,
        le=1_000,
        description="HNSW candidate list of a graph's probes: longer finds more true neighbors.",
    )
    graph_saturation: float = Field(
        0.8,
        ge=-1,
        le=1,
        description="A list whose last neighbor is at least this similar is marked as saturated:"
        " there may be more such neighbors than it holds.",
    )
    graph_recall_sample: int = Field(
        200, ge=1, description="Lists compared with exact search after a graph was built."
    )
    graph_follow_rows: int = Field(
        2_000,
        ge=1,
        description="Changes for which more lists than these have to be made anew are followed by"
        " a run of the training workers.",
    )
    graph_compare_s: float = Field(
        300, gt=0, description="A live graph is compared with its vectors at least this often."
    )
    max_similarity_texts: int = Field(
        500, ge=1, description="Texts on each side of a similarity matrix."
    )
