"""The JSON of catalogs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from embedhub.catalog.checks import DEFAULT_WEIGHTS, MAX_FILTERABLE, MAX_NAME_CHARS, MAX_TYPES
from embedhub.web.body import AnswerBody, RequestBody

Policy = Literal["create", "hold", "reject"]
EXAMPLE: dict[str, Any] = {
    "slug": "films",
    "content_template": "{title}\n{plot}\nGenres: {genres}",
    "interaction_weights": {"view": 1, "purchase": 4, "dislike": -3},
    "filterable": {"year": "number"},
}
FieldType = Literal["string", "number", "boolean", "date", "array"]
FILTERABLE = (
    "Types of attributes, which are checked from then on: dates compare as moments, and large"
    " catalogs get an index a field. Other attributes can be filtered by, too."
)
TEMPLATE = (
    "How fields of an item become the text that stands for it: text with {names of fields}, where"
    " a line whose fields are all empty is left out. Empty: every field, a line each, by name."
)
WEIGHTS = (
    "What an interaction of each type counts, times its value; below zero: unwelcome. Other types"
    " are refused."
)
UNKNOWN = (
    "Of an interaction whose {} was never sent: create adds it empty, hold keeps the interaction"
    " until it is sent, reject drops the interaction."
)


class CatalogIn(RequestBody):
    """A catalog to create; only the slug is required."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    slug: str = Field(description="Its name in addresses, unique in the workspace.")
    name: str | None = Field(default=None, max_length=MAX_NAME_CHARS)
    content_template: str | None = Field(default=None, description=TEMPLATE)
    interaction_weights: dict[str, float] | None = Field(
        default=None,
        max_length=MAX_TYPES,
        description=f"{WEIGHTS} Default {dict(DEFAULT_WEIGHTS)}.",
    )
    filterable: dict[str, FieldType] = Field(
        default={}, max_length=MAX_FILTERABLE, description=FILTERABLE
    )
    unknown_users: Policy = Field(default="create", description=UNKNOWN.format("user"))
    unknown_items: Policy = Field(default="hold", description=UNKNOWN.format("item"))


class CatalogPatch(RequestBody):
    """What to change; what is left out stays."""

    name: str | None = Field(default=None, max_length=MAX_NAME_CHARS)
    content_template: str | None = Field(
        default=None, description="Only while the catalog has no items."
    )
    interaction_weights: dict[str, float] | None = Field(
        default=None,
        max_length=MAX_TYPES,
        description="Replaces all; a type left out weighs nothing from then on.",
    )
    filterable: dict[str, FieldType] | None = Field(
        default=None, max_length=MAX_FILTERABLE, description=f"Replaces all. {FILTERABLE}"
    )
    unknown_users: Policy | None = None
    unknown_items: Policy | None = None
    # Accepted here so that the refusal can say why.
    slug: Any = None


class CatalogOut(AnswerBody):
    """A catalog."""

    id: int
    slug: str
    name: str
    content_template: str
    interaction_weights: dict[str, float]
    filterable: dict[str, FieldType]
    unknown_users: Policy
    unknown_items: Policy
    created_at: datetime


class ChangedCatalogOut(CatalogOut):
    """A changed catalog, and the run that brings its items up to it, if any has to."""

    run_id: int | None


class CatalogPage(AnswerBody):
    """Catalogs, oldest first."""

    items: list[CatalogOut]
    cursor: str | None


class CatalogStatusOut(AnswerBody):
    """How much a catalog holds."""

    n_items: int
    n_users: int
    n_interactions: int
    n_held: int = Field(description="Interactions that wait for their user or item to be sent.")
    n_embedded: int = Field(description="Items and users with texts that have their vector.")
    n_pending: int = Field(description="Items and users whose text waits to be encoded.")
    n_dead: int = Field(description="Items and users whose text could not be encoded.")


class CatalogRemovalOut(AnswerBody):
    """The run that removes a catalog."""

    run_id: int


class DeadMemberOut(AnswerBody):
    """An item or user whose text could not be encoded, and why."""

    id: int
    kind: Literal["item", "user"]
    external_id: str
    reason: str
    attempts: int
    dead_at: datetime


class DeadMemberPage(AnswerBody):
    """A page of such items and users."""

    items: list[DeadMemberOut]
    cursor: str | None


class RetriedOut(AnswerBody):
    """How many were given a fresh start."""

    retried: int
