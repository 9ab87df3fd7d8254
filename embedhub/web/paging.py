"""Pages: how many rows, and an opaque cursor that says where the next page begins."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from embedhub.config import get_config
from embedhub.errors import InvalidInput

DEFAULT_LIMIT = 50

Row = TypeVar("Row")


def page_limit(limit: int | None) -> int:
    """Return how many rows a page has; raises InvalidInput beyond `max_limit`."""
    if limit is None:
        return DEFAULT_LIMIT
    most = get_config().max_limit
    if not 1 <= limit <= most:
        raise InvalidInput(f"must be from 1 to {most}", "limit")
    return limit


def encode_cursor(kind: str, ident: int) -> str:
    """Return a cursor that continues a list of this kind behind the row of this id."""
    return base64.urlsafe_b64encode(f"{kind}:{ident}".encode()).decode().rstrip("=")


def decode_cursor(kind: str, cursor: str | None) -> int | None:
    """Return the id that a cursor of this kind holds; raises InvalidInput for any other text."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found, ident = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split(":")
        if found == kind and 0 <= int(ident) < 2**63:
            return int(ident)
    except (binascii.Error, ValueError):
        pass
    raise InvalidInput(f"is not a cursor of {kind}", "cursor")


def encode_place(kind: str, *parts: str) -> str:
    """Return a cursor that continues a list of this kind behind a place of several parts."""
    return base64.urlsafe_b64encode(orjson.dumps([kind, *parts])).decode().rstrip("=")


def decode_place(kind: str, cursor: str | None, *readers: Callable[[str], Any]) -> list[Any] | None:
    """Return the parts of such a cursor, each read; raises InvalidInput for any other text."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found, *parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if found == kind and all(isinstance(part, str) and "\x00" not in part for part in parts):
            return [read(part) for read, part in zip(readers, parts, strict=True)]
    except (binascii.Error, ValueError, TypeError):
        pass
    raise InvalidInput(f"is not a cursor of {kind}", "cursor")


def page(
    kind: str, rows: Sequence[Row], limit: int, ident: Callable[[Row], int]
) -> dict[str, object]:
    """Return the page made of up to `limit + 1` rows: one more than asked for means more follow."""
    items = rows[:limit]
    has_more = len(rows) > limit
    return {"items": items, "cursor": encode_cursor(kind, ident(items[-1])) if has_more else None}
