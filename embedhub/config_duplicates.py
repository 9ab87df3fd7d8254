"""The settings of looking for duplicates; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class DuplicatesPart(BaseSettings):
    """How long a text may be that is asked about, and how many pairs are decided at once."""

    duplicates_check_chars: int = Field(
        100_000, ge=1, description="Characters of a text that duplicates are asked for."
    )
    duplicates_decided_at_once: int = Field(
        500, ge=1, description="Pairs of a band of scores that staff decide about in one go."
    )
