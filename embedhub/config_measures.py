"""The settings of what is measured of searches; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class MeasurePart(BaseSettings):
    """A part of the settings, in a file of its own for its length."""

    # --- what is measured of searches
    recall_s: float = Field(
        120,
        ge=0,
        description="Seconds between background checks of the HNSW indexes against exact search;"
        " 0 never checks.",
    )
    recall_rows: int = Field(
        2_000_000,
        ge=1,
        description="Vectors that one background check compares at most; a collection with more"
        " is not checked.",
    )
    recall_seconds: float = Field(3, gt=0, description="Longest background check, seconds.")
    recall_queries: int = Field(
        200, ge=1, description="Latest checked searches that a shown recall is made of."
    )
    recall_warning: float = Field(
        0.95, ge=0, le=1, description="Recall@10 below which the admin and the API warn."
    )
    recall_days: int = Field(7, ge=1, description="Days a check of an index is kept.")
    recall_asked: int = Field(
        200,
        ge=0,
        description="Vectors that callers asked with, kept per space with their filters to check"
        " the index with; 0 keeps none.",
    )
    usage_flush_s: float = Field(
        10, gt=0, description="Seconds that counts of used filters wait to be written."
    )
    max_usage_fields: int = Field(
        200, ge=0, description="Field names per workspace whose use in filters is counted."
    )
    filter_usage_days: int = Field(7, ge=1, description="Days that counts of used filters stay.")
    advice_filters_per_hour: int = Field(
        100, ge=1, description="Searches an hour from which on a filter counts as frequent."
    )
    advice_slow_ms: float = Field(
        200, gt=0, description="Mean milliseconds from which on a frequent filter counts as slow."
    )
