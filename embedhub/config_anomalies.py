"""The settings of anomalies; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class AnomalyPart(BaseSettings):
    """How large a text may be that is scored while somebody waits."""

    # --- anomalies
    max_scored_chars: int = Field(
        50_000, ge=1, description="Characters of a text whose anomaly score is asked for."
    )
