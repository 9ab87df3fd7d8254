"""The settings of topics; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class TopicPart(BaseSettings):
    """How many rows are grouped and read, and what of older fits is kept."""

    topic_max_rows: int = Field(
        300_000,
        ge=1,
        description="Rows that a fit of topics takes at most: 110,000 of 384 dimensions take about"
        " 1.5 GB while they are grouped and laid out.",
    )
    topic_read_rows: int = Field(
        20_000,
        ge=1,
        description="Rows whose texts are read for the names of topics, spread over the topics.",
    )
    max_topics: int = Field(
        1_000, ge=2, description="Topics that a fit finds, or is asked for, at most."
    )
    topic_kept_fits: int = Field(
        10, ge=0, description="Replaced fits of topics whose figures are kept."
    )
    max_trend_times: int = Field(
        2_000, ge=1, description="Days, months or years that the trends of topics cover at most."
    )
