"""The limits of recommended lists; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class ListPart(BaseSettings):
    """How far is looked for what a list recommends, and what a request may ask."""

    max_history: int = Field(
        1_000, ge=1, description="The latest interactions of a user that a list is made of."
    )
    max_session: int = Field(200, ge=1, description="Items of a session, examples or a basket.")
    max_candidates: int = Field(
        1_000, ge=1, description="Items that a list may be restricted to in one request."
    )
    exact_items: int = Field(
        5_000, ge=0, description="Every item of a catalog that is no larger is scored for a list."
    )
    list_pool: int = Field(
        600,
        ge=10,
        description="Items of a larger catalog that its neighbors propose for a list;"
        " vectors propose half of it, popularity a sixth.",
    )
    list_window: int = Field(
        100, ge=1, description="The best of them that rules, diversity and the page choose from."
    )
    list_depth: int = Field(1_000, ge=1, description="Places of one list, over all its pages.")
    list_relevance: float = Field(
        0.85,
        ge=0,
        le=1,
        description="Share of relevance against likeness to what stands before; 1: no diversity.",
    )
    duplicate_likeness: float = Field(
        0.97,
        gt=0,
        le=1,
        description="Cosine of contents from which an item is a near-duplicate of a better one.",
    )
    trending_days: float = Field(
        7, gt=0, description="Days after which an interaction counts half in what is trending."
    )
    counted_interactions: int = Field(
        200_000,
        ge=1,
        description="Interactions that a list of what is popular or trending counts at most.",
    )
    impression_days: int = Field(
        180, ge=1, description="Days that it is kept which items were shown to whom."
    )
