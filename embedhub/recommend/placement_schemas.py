"""The JSON of placements and their rules."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, SkipValidation, WithJsonSchema

from embedhub.recommend.rules.json_schema import RULES_SCHEMA
from embedhub.web.body import AnswerBody, RequestBody

# Read and checked by `rules.rule`, which names the path of what is wrong.
RulesIn = Annotated[SkipValidation[list[dict[str, Any]]], WithJsonSchema(RULES_SCHEMA)]
RulesOut = Annotated[list[dict[str, Any]], WithJsonSchema(RULES_SCHEMA)]
EXAMPLE: dict[str, Any] = {
    "rules": [
        {"action": "pin", "item": "50", "position": 1, "note": "of the week"},
        {"action": "boost", "filter": {"year": {"$gte": 1996}}, "factor": 1.3},
        {"action": "cap", "field": "categories", "most": 3, "window": 10},
    ]
}


class PlacementIn(RequestBody):
    """The rules of a placement, all of them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    rules: RulesIn
    revision: int | None = Field(
        default=None,
        description="Store them only if this revision still holds, 0: if there are none; else 409.",
    )


class PlacementOut(AnswerBody):
    """A placement and its rules."""

    name: str
    rules: RulesOut
    revision: int = Field(description="Of these rules, from 1; every change makes the next one.")
    changed_at: datetime
    changed_by: str


class PlacementPage(AnswerBody):
    """Placements by name."""

    items: list[PlacementOut]
    cursor: str | None


class RevisionOut(AnswerBody):
    """Rules that a placement had before."""

    revision: int
    rules: RulesOut
    changed_at: datetime = Field(description="When they began to hold.")
    changed_by: str


class RevisionList(AnswerBody):
    """Rules that a placement had before, the latest first."""

    items: list[RevisionOut]


class RestoreIn(RequestBody):
    """Which rules to put back."""

    revision: int
