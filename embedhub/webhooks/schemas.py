"""The JSON of webhooks."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from embedhub.web.body import AnswerBody, RequestBody
from embedhub.webhooks.checks import MAX_DESCRIPTION_CHARS, MAX_OWNERS
from embedhub.webhooks.sending import MAX_URL_CHARS

EventName = Literal["duplicates.found", "anomalies.flagged", "topics.fitted", "labels.trained"]
Bounds = Field(
    default=None,
    max_length=MAX_OWNERS,
    description="Slugs; without collections and catalogs it is told of all of the workspace.",
)


class WebhookIn(RequestBody):
    """A webhook to make."""

    url: str = Field(max_length=MAX_URL_CHARS, examples=["https://example.org/hooks/embedhub"])
    events: list[EventName] = Field(min_length=1, max_length=20)
    collections: list[str] | None = Bounds
    catalogs: list[str] | None = Bounds
    description: str = Field(default="", max_length=MAX_DESCRIPTION_CHARS)


class WebhookPatch(RequestBody):
    """What to change of a webhook; what is not named stays."""

    url: str = Field(default="", max_length=MAX_URL_CHARS)
    events: list[EventName] = Field(default=[], max_length=20)
    collections: list[str] | None = Bounds
    catalogs: list[str] | None = Bounds
    description: str = Field(default="", max_length=MAX_DESCRIPTION_CHARS)
    status: Literal["active", "paused"] | None = Field(
        default=None, description="`active` also for one that is failing: it is tried again."
    )


class WebhookOut(AnswerBody):
    """A webhook without its secret."""

    id: int
    url: str
    description: str
    events: list[str]
    collections: list[str] | None
    catalogs: list[str] | None
    status: Literal["active", "paused", "failing"] = Field(
        description="`paused` by people: nothing is kept for it. `failing`: too many attempts in a"
        " row failed; what comes waits until a test arrives or it is set `active`."
    )
    reason: str | None
    n_failures: int = Field(description="Attempts in a row that failed.")
    n_waiting: int = Field(description="Deliveries that wait to be sent.")
    created_at: datetime
    changed_at: datetime


class NewWebhookOut(AnswerBody):
    """A webhook with its secret, which is shown this once and is null in a repeated answer."""

    webhook: WebhookOut
    secret: str | None = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw..."])


class WebhookPage(AnswerBody):
    """A page of webhooks."""

    items: list[WebhookOut]
    cursor: str | None


class DeliveryOut(AnswerBody):
    """One event for one webhook and what came of the last attempt."""

    id: int
    event_id: uuid.UUID = Field(description="The header `webhook-id`: the same at every attempt.")
    event: str
    status: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_attempt_at: datetime | None
    answer_status: int | None
    answer: str | None = Field(description="How the answer began.")
    error: str | None
    took_ms: int | None
    attempted_at: datetime | None
    created_at: datetime
    body: dict[str, Any]


class DeliveryPage(AnswerBody):
    """A page of deliveries."""

    items: list[DeliveryOut]
    cursor: str | None
