"""What a caller sends as items, users and interactions, checked: every refusal names the path."""

import hashlib
import uuid
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from embedhub.catalog.template import render
from embedhub.config import get_config
from embedhub.documents.inputs import (
    check_string,
    parse_external_id,
    parse_metadata,
    parse_source_version,
    parse_timestamp,
)
from embedhub.errors import InvalidInput, TooLarge

MAX_CATEGORIES = 100
MAX_CATEGORY_CHARS = 256
MAX_VALUE = 1e9
ITEM_FIELDS = frozenset(
    {
        "external_id",
        "fields",
        "categories",
        "labels",
        "attributes",
        "is_hidden",
        "available_from",
        "available_until",
        "source_version",
    }
)
USER_FIELDS = frozenset({"external_id", "attributes", "text"})
INTERACTION_FIELDS = frozenset({"user", "item", "type", "value", "time", "request_id"})


@dataclass(frozen=True, slots=True)
class ItemInput:
    """An item as sent; its text follows from the fields by the catalog's template."""

    external_id: str
    fields: dict[str, Any]
    categories: tuple[str, ...]
    labels: tuple[str, ...]
    attributes: dict[str, Any]
    is_hidden: bool
    available_from: datetime | None
    available_until: datetime | None
    source_version: int | None


@dataclass(frozen=True, slots=True)
class UserInput:
    """A user as sent."""

    external_id: str
    attributes: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class InteractionInput:
    """One thing a user did with an item; both by the caller's ids."""

    user: str
    item: str
    type: str
    value: float
    time: datetime
    request_id: uuid.UUID | None


def parse_item(raw: object, field: str) -> ItemInput:
    """Return the item that a decoded JSON value describes; raises InvalidInput or TooLarge."""
    given = _object(raw, field, ITEM_FIELDS)
    start = parse_timestamp(given.get("available_from"), f"{field}.available_from")
    end = parse_timestamp(given.get("available_until"), f"{field}.available_until")
    if start is not None and end is not None and end <= start:
        raise InvalidInput("must lie behind available_from", f"{field}.available_until")
    is_hidden = given.get("is_hidden")
    if not isinstance(is_hidden, bool | None):
        raise InvalidInput("must be true or false", f"{field}.is_hidden")
    return ItemInput(
        external_id=parse_external_id(given.get("external_id"), f"{field}.external_id"),
        fields=parse_metadata(given.get("fields"), f"{field}.fields"),
        categories=_words(given.get("categories"), f"{field}.categories"),
        labels=_words(given.get("labels"), f"{field}.labels"),
        attributes=parse_metadata(given.get("attributes"), f"{field}.attributes"),
        is_hidden=bool(is_hidden),
        available_from=start,
        available_until=end,
        source_version=parse_source_version(given.get("source_version"), f"{field}.source_version"),
    )


def parse_user(raw: object, field: str) -> UserInput:
    """Return the user that a decoded JSON value describes; raises InvalidInput or TooLarge."""
    given = _object(raw, field, USER_FIELDS)
    text = given.get("text")
    return UserInput(
        external_id=parse_external_id(given.get("external_id"), f"{field}.external_id"),
        attributes=parse_metadata(given.get("attributes"), f"{field}.attributes"),
        text=""
        if text is None
        else check_string(text, f"{field}.text", get_config().max_item_chars),
    )


def parse_interaction(
    raw: object, field: str, *, types: Container[str], now: datetime
) -> InteractionInput:
    """Return the interaction that a decoded JSON value describes; without a time it was `now`.

    Raises InvalidInput or TooLarge, also for a type that is not among `types`, for a time further
    ahead than `interaction_future_s`, and for a value that is no finite number.
    """
    given = _object(raw, field, INTERACTION_FIELDS)
    name = given.get("type")
    if not isinstance(name, str) or name not in types:
        raise InvalidInput("must be a type that the catalog weighs", f"{field}.type")
    time = parse_timestamp(given.get("time"), f"{field}.time") or now
    if time > now + timedelta(seconds=get_config().interaction_future_s):
        raise InvalidInput("lies in the future", f"{field}.time")
    return InteractionInput(
        user=parse_external_id(given.get("user"), f"{field}.user"),
        item=parse_external_id(given.get("item"), f"{field}.item"),
        type=name,
        value=_value(given.get("value"), f"{field}.value"),
        time=time.astimezone(UTC),
        request_id=_request_id(given.get("request_id"), f"{field}.request_id"),
    )


def content_of(template: str, item: ItemInput, field: str) -> str:
    """Return the item's text; raises TooLarge beyond `max_item_chars`."""
    content = render(template, item.fields)
    limit = get_config().max_item_chars
    if len(content) > limit:
        raise TooLarge(
            f"make {len(content):,} characters; at most {limit:,} are accepted", f"{field}.fields"
        )
    return content


def hash_of(content: str) -> str | None:
    """Return the SHA-256 of what is encoded, in hexadecimal; None if there is nothing."""
    return hashlib.sha256(content.encode()).hexdigest() if content else None


def refuse_repeats(rows: Sequence[ItemInput | UserInput], field: str) -> None:
    """Raise InvalidInput if a batch names an external_id twice: which should win is unsaid."""
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        if (first := seen.setdefault(row.external_id, place)) != place:
            raise InvalidInput(
                f"repeats {field}.{first}.external_id", f"{field}.{place}.external_id"
            )


def _object(raw: object, field: str, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise InvalidInput("must be an object", field)
    if not raw.keys() <= known:
        unknown = min(str(key) for key in raw.keys() - known)
        raise InvalidInput(
            f"unknown field; known are {', '.join(sorted(known))}", f"{field}.{unknown}"
        )
    return raw


def _words(value: object, field: str) -> tuple[str, ...]:
    """Return the distinct words in the order sent."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidInput("must be a list of strings", field)
    if len(value) > MAX_CATEGORIES:
        raise TooLarge(f"{len(value):,} entries; at most {MAX_CATEGORIES} are accepted", field)
    words = [check_string(v, f"{field}.{n}", MAX_CATEGORY_CHARS) for n, v in enumerate(value)]
    return tuple(dict.fromkeys(words))


def _value(value: object, field: str) -> float:
    if value is None:
        return 1.0
    # NaN is not within bounds either: every comparison with it fails.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_VALUE:
        raise InvalidInput(f"must be a number from -{MAX_VALUE:g} to {MAX_VALUE:g}", field)
    return float(value)


def _request_id(value: object, field: str) -> uuid.UUID | None:
    if value is None:
        return None
    try:
        return uuid.UUID(check_string(value, field, 64))
    except ValueError:
        raise InvalidInput("must be the request_id of a list, a UUID", field) from None
