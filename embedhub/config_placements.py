"""The settings of placements: their rules and experiments; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class PlacementPart(BaseSettings):
    """How much a catalog may have of placements, rules and experiments, and how clicks count."""

    max_placements: int = Field(
        200, ge=1, description="Placements of one catalog that have rules of their own."
    )
    max_placement_rules: int = Field(100, ge=1, description="Rules of one placement.")
    kept_revisions: int = Field(
        50, ge=1, description="Revisions of a placement's rules that can be put back."
    )
    max_experiments: int = Field(500, ge=1, description="Experiments of one catalog, old ones too.")
    click_window_hours: float = Field(
        24,
        gt=0,
        description="Hours after which an interaction no longer counts as a click on what was"
        " shown, where it does not name the list it came from.",
    )
