"""The JSON of items, users and interactions."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.documents.schemas import IndexingOut
from embedhub.web.body import AnswerBody, RequestBody

OutcomeKind = Literal["created", "updated", "unchanged", "stale"]
TakenKind = Literal["created", "updated", "unchanged", "held", "rejected"]


class ItemIn(RequestBody):
    """An item to store under the caller's id."""

    model_config = ConfigDict(extra="forbid")

    external_id: str = Field(min_length=1, max_length=512)
    fields: dict[str, Any] | None = Field(
        default=None, description="Texts, numbers and lists of them, for the catalog's template."
    )
    categories: list[str] | None = None
    labels: list[str] | None = None
    attributes: dict[str, Any] | None = None
    is_hidden: bool | None = None
    available_from: datetime | None = None
    available_until: datetime | None = None
    source_version: int | None = Field(
        default=None, ge=0, description="A smaller one than is stored changes nothing."
    )


class UserIn(RequestBody):
    """A user to store under the caller's id."""

    model_config = ConfigDict(extra="forbid")

    external_id: str = Field(min_length=1, max_length=512)
    attributes: dict[str, Any] | None = None
    text: str | None = None


class InteractionIn(RequestBody):
    """Something a user did with an item."""

    model_config = ConfigDict(extra="forbid")

    user: str
    item: str
    type: str
    value: float | None = Field(default=None, description="Such as a rating or a number; 1.")
    time: datetime | None = Field(default=None, description="Null: now.")
    request_id: UUID | None = Field(default=None, description="Of the list that led here.")


# What is inside these three is checked once, by catalog.inputs, which names the path.
class ItemsIn(RequestBody):
    """Items to store, all of them or none."""

    items: list[SkipValidation[ItemIn]]


class UsersIn(RequestBody):
    """Users to store, all of them or none."""

    users: list[SkipValidation[UserIn]]


class InteractionsIn(RequestBody):
    """Interactions to store."""

    interactions: list[SkipValidation[InteractionIn]]


class ListMembersIn(RequestBody):
    """Which page of items or users."""

    cursor: str | None = None
    limit: int | None = None


class HistoryIn(RequestBody):
    """Whose interactions, and which page."""

    user: str
    cursor: str | None = None
    limit: int | None = None


class MemberOutcome(AnswerBody):
    """What became of one item or user."""

    external_id: str
    outcome: OutcomeKind


class StoredOut(AnswerBody):
    """What became of a batch, in its order."""

    items: list[MemberOutcome]
    n_released: int = Field(description="Interactions that had waited and count now.")
    indexing: IndexingOut | None = Field(description="What `wait=indexed` waited for.")


class TakenOut(AnswerBody):
    """What became of one interaction."""

    outcome: TakenKind
    reason: str | None


class TakenBatchOut(AnswerBody):
    """What became of a batch of interactions, in its order."""

    items: list[TakenOut]
    counts: dict[str, int]


class ItemOut(AnswerBody):
    """An item."""

    external_id: str
    fields: dict[str, Any]
    content: str = Field(description="The text that the catalog's template makes of the fields.")
    categories: list[str]
    labels: list[str]
    attributes: dict[str, Any]
    is_hidden: bool
    available_from: datetime | None
    available_until: datetime | None
    source_version: int | None
    created_at: datetime
    updated_at: datetime


class UserOut(AnswerBody):
    """A user."""

    external_id: str
    attributes: dict[str, Any]
    text: str
    created_at: datetime
    updated_at: datetime


class InteractionOut(AnswerBody):
    """Something a user did."""

    user: str
    item: str
    type: str
    value: float
    weight: float = Field(description="What it counts: the type's weight times the value.")
    time: datetime
    request_id: UUID | None


class ItemPage(AnswerBody):
    """Items by external_id."""

    items: list[ItemOut]
    cursor: str | None


class UserPage(AnswerBody):
    """Users by external_id."""

    items: list[UserOut]
    cursor: str | None


class InteractionPage(AnswerBody):
    """What a user did, the latest first."""

    items: list[InteractionOut]
    cursor: str | None


class TracesOut(AnswerBody):
    """What went with an item or a user."""

    n_interactions: int
    n_impressions: int
    n_held: int
