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


class PreviewIn(RequestBody):
    """Rules to try, and the list to try them on."""

    rules: RulesIn | None = Field(default=None, description="Null: those that hold.")
    user: str | None = Field(default=None, description="Whose list; null: what is popular.")
    session: list[str] = Field(default=[], max_length=1_000)
    limit: int = Field(default=10, ge=1, le=100)


class PreviewedHitOut(AnswerBody):
    """A place of a list."""

    position: int
    was: int | None = Field(description="The item's place without the rules; null: none.")
    external_id: str
    fields: dict[str, Any]
    score: float
    rules: list[str] = Field(description="What the rules did with the item, in words.")


class PreviewOut(AnswerBody):
    """The first places of a list, without the rules and with them."""

    before: list[PreviewedHitOut]
    after: list[PreviewedHitOut]
    notes: list[str]
