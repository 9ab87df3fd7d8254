"""The settings of ranking: rerankers, and what people may pin and hide; read by `config` alone."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class RerankerSettings(BaseModel):
    """How one reranker is reached.

    A cross_encoder is a folder of weights on this machine; the others are endpoints at `url`, asked
    for `name` with `api_key`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["cross_encoder", "openai", "cohere"]
    folder: str = ""
    url: str = ""
    name: str = ""
    api_key: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if self.kind == "cross_encoder" and not self.folder:
            raise ValueError("a cross_encoder needs its folder")
        if self.kind != "cross_encoder" and not self.url.startswith(("http://", "https://")):
            raise ValueError("an endpoint needs a url that begins with http:// or https://")
        return self


class RankingPart(BaseSettings):
    """A part of the settings, in a file of its own for its length."""

    # --- ranking
    rerankers: dict[str, RerankerSettings] = Field(
        {},
        description="Rerankers that collections may name, as JSON: name to"
        ' {"kind": "cross_encoder", "folder": ...}, or to {"kind": "openai" or "cohere", "url":'
        ' ..., "name": ..., "api_key": ...}.',
    )
    reranker_attempts: int = Field(
        2, ge=1, le=10, description="Attempts of a reranker's call that was refused or broke."
    )
    reranker_retry_base_s: float = Field(
        0.1, gt=0, description="First wait before such a call is repeated; doubles each time."
    )
    reranker_chars: int = Field(
        4_000, ge=1, description="Characters of a passage that a reranker is given."
    )
    max_curations: int = Field(
        5_000, ge=1, description="Documents pinned and hidden in one collection."
    )
    max_examples: int = Field(
        20, ge=1, description="Documents in each of the lists like and unlike of a search."
    )
    curation_days: int = Field(
        180, ge=1, description="Days that a pin taken back can be put back; then it is forgotten."
    )
