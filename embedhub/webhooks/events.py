"""What webhooks are told of, and the body they are told it in; pure."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any


class Event(StrEnum):
    """What happened."""

    DUPLICATES_FOUND = "duplicates.found"
    ANOMALIES_FLAGGED = "anomalies.flagged"
    TOPICS_FITTED = "topics.fitted"
    LABELS_TRAINED = "labels.trained"
    # sent by hand, to see whether it arrives
    TEST = "webhook.test"


# What a webhook can be made for.
SUBSCRIBED = tuple(event for event in Event if event is not Event.TEST)


def body_of(
    event: Event,
    event_id: uuid.UUID,
    happened_at: datetime,
    *,
    collection: str | None = None,
    catalog: str | None = None,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what is sent: the event, when and where it happened, and what was found."""
    return {
        "id": str(event_id),
        "type": event.value,
        "timestamp": happened_at.isoformat(),
        "collection": collection,
        "catalog": catalog,
        "data": dict(data),
    }
