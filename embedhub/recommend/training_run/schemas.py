"""The JSON of trainings and versions."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from embedhub.web.body import AnswerBody, RequestBody

StatusName = Literal["training", "rejected", "ready", "live", "retired", "dropped"]


class TrainingIn(RequestBody):
    """A training to start."""

    publish: bool = Field(
        default=True,
        description="False: a version better than what there is waits until it is published.",
    )


class OfflineIn(RequestBody):
    """An offline evaluation to start."""

    order: Literal["time", "random"] | None = Field(
        default=None,
        description="Hide each user's latest interactions, or any; null: as their times tell.",
    )
    k: int = Field(default=10, description="As in nDCG@k.")


class TrainingPatch(RequestBody):
    """When to train by itself; what is left out stays, null goes by the installation's settings."""

    automatic: bool | None = Field(default=None, description="False: only when asked.")
    hours: float | None = Field(
        default=None, gt=0, le=8_760, description="Again after so many hours, if anything is new."
    )
    new_share: float | None = Field(
        default=None,
        gt=0,
        le=1_000,
        description="Sooner once there are so many new interactions, as a share of those it was"
        " trained on.",
    )
    min_interactions: int | None = Field(
        default=None, ge=1, description="The first time not before there are so many."
    )


class TrainingSettingOut(AnswerBody):
    """When a catalog is trained by itself."""

    automatic: bool
    hours: float
    new_share: float
    min_interactions: int


class RecommenderOut(AnswerBody):
    """One version of a recommender."""

    number: int
    status: StatusName = Field(
        description="training: being stored; rejected: not better than what there was; ready:"
        " waits to be published; retired: has answered; dropped: too old to answer again."
    )
    origin: Literal["trained", "supplied"]
    reason: str | None = Field(
        examples=["nDCG@10 0.3121 against 0.1874 of popularity"],
    )
    run_id: int | None
    n_users: int
    n_items: int
    n_interactions: int
    metrics: dict[str, Any] = Field(
        description="nDCG@10 on the hold-out: `ndcg` its own, `popularity_ndcg`, `live_ndcg` of"
        " the version that answered then, and each source's alone."
    )
    half_life: float | None = Field(
        description="Interactions after which one counts half; null: order means nothing."
    )
    weights: dict[str, dict[str, float]] = Field(
        description="How much each source counts, by the shortest history of a bucket."
    )
    trained_through: datetime | None
    created_at: datetime
    published_at: datetime | None
    flagged_users: list[str] = Field(
        description="Some users who act faster than people do and count less; of one version only."
    )


class TrainingOut(AnswerBody):
    """How a catalog's recommender stands."""

    setting: TrainingSettingOut
    live: RecommenderOut | None = Field(description="Null: nothing answers yet but popularity.")
    run_id: int | None = Field(description="The training under way.")


class TrainingRunOut(AnswerBody):
    """The run that trains."""

    run_id: int


class SuppliedVersionIn(RequestBody):
    """A version of vectors that a trainer elsewhere made."""

    name: str = Field(
        description="How the source is called in weights and reasons.", examples=["two-tower"]
    )
    dimension: int = Field(description="Of every vector.", examples=[64])


class SuppliedIn(RequestBody):
    """The vector of one item, or user."""

    external_id: str
    vector: list[float] | str = Field(
        description="Numbers, or base64 of little-endian float32. The inner product of two says"
        " how well they go together."
    )


class VectorsIn(RequestBody):
    """A batch of vectors: of items, of users, or of both; at most 10,000."""

    items: list[SuppliedIn] = Field(
        default=[], examples=[[{"external_id": "50", "vector": [0.12, -0.4]}]]
    )
    users: list[SuppliedIn] = Field(
        default=[],
        description="Of as many dimensions as the items'. A user who has one gets lists by it; the"
        " history of any other is folded in.",
        examples=[[{"external_id": "ann", "vector": [0.9, -0.1]}]],
    )


class VectorsOut(AnswerBody):
    """What became of a batch."""

    n_stored: int
    unknown: list[str] = Field(description="Items that the catalog does not have.")
    unknown_users: list[str] = Field(description="Users that the catalog does not have.")


class RecommenderPage(AnswerBody):
    """Versions, newest first."""

    items: list[RecommenderOut]
    cursor: str | None
