"""Answers as JSON: dataclasses, dates, UUIDs and NumPy arrays are written as they are."""

from typing import Any

import orjson
from django.http import HttpResponse

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def respond(payload: object, status: int = 200) -> HttpResponse:
    """Return a JSON answer.

    It is not validated against its schema on the way out, which would cost more than a search; a
    test compares every endpoint's answer with the OpenAPI document instead.
    """
    return HttpResponse(to_json(payload), status=status, content_type="application/json")


def to_json(payload: object) -> bytes:
    """Return the payload as JSON bytes."""
    return orjson.dumps(payload, default=_plain, option=OPTIONS)


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
