"""The settings of recommenders' training; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class TrainingPart(BaseSettings):
    """When recommenders are trained, on how much, and how many versions are kept."""

    training_check_s: float = Field(
        60, gt=0, description="Seconds between looks for catalogs whose training is due."
    )
    training_hours: float = Field(
        24,
        gt=0,
        description="A catalog with new interactions is trained again after this many hours,"
        " unless it says otherwise.",
    )
    training_new_share: float = Field(
        0.1,
        gt=0,
        description="It is trained sooner once there are this many new interactions, as a share of"
        " those it was trained on.",
    )
    training_min_interactions: int = Field(
        500, ge=1, description="With fewer interactions a catalog is not trained by itself."
    )
    training_max_interactions: int = Field(
        5_000_000,
        ge=1,
        description="The latest interactions that a training reads, at most; 1,000,000 take about"
        " 60 MB before they are fitted.",
    )
    kept_versions: int = Field(
        3,
        ge=1,
        description="Versions of a recommender beside the live one that can be published again;"
        " of older ones only the figures are kept.",
    )
    max_supplied_vectors: int = Field(
        1_000_000, ge=1, description="Vectors of items, or users, in one supplied version."
    )
