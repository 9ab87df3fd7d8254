"""The settings of judged queries, feedback and evaluations; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class EvaluationPart(BaseSettings):
    """How many judged queries there may be, and how long feedback and figures are kept."""

    max_judged_queries: int = Field(20_000, ge=1, description="Judged queries in one collection.")
    max_judgments: int = Field(
        200_000, ge=1, description="Judgments of all queries of one collection."
    )
    max_variants: int = Field(100, ge=1, description="Saved variants of one collection.")
    max_unfinished_evaluations: int = Field(
        20, ge=1, description="Evaluations of one collection that wait or run at once."
    )
    max_evaluated_depth: int = Field(
        200, ge=1, description="Hits of each query that an evaluation looks at, at most."
    )
    min_learning_queries: int = Field(
        30,
        ge=5,
        description="Judged queries with a relevant document that learning weights needs.",
    )
    max_learning_queries: int = Field(
        500, ge=5, description="Judged queries that weights are learned from; more are sampled."
    )
    feedback_wait_s: float = Field(
        1.5,
        ge=0,
        description="Longest wait for a search to be in the log when feedback on it arrives.",
    )
    feedback_days: int = Field(90, ge=1, description="Days that feedback of callers is kept.")
    evaluation_days: int = Field(
        365, ge=1, description="Days that the figures of an evaluation are kept."
    )
