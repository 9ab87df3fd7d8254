"""The limits of catalogs, items, users and interactions; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class CatalogPart(BaseSettings):
    """A part of the settings, in a file of its own for its length."""

    # --- catalogs
    max_catalogs: int = Field(1_000, ge=1, description="Catalogs in one workspace.")
    max_batch_items: int = Field(1_000, ge=1, description="Items, or users, in one batch.")
    max_batch_interactions: int = Field(10_000, ge=1, description="Interactions in one batch.")
    max_item_chars: int = Field(
        100_000, ge=1, description="Characters of an item's content, or of a user's text."
    )
    interaction_future_s: float = Field(
        300, ge=0, description="How far ahead of this server's clock an interaction may lie."
    )
    max_held_interactions: int = Field(
        100_000,
        ge=0,
        description="Interactions of a catalog that wait for their user or item; more are"
        " rejected.",
    )
