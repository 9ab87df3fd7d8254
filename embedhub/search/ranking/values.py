"""JSON values of a setting, each read strictly: what is wrong is refused, naming its path."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from embedhub.errors import InvalidInput


def mapping(value: object, field: str) -> Mapping[str, Any]:
    """Return an object; InvalidInput for anything else."""
    if not isinstance(value, Mapping):
        raise InvalidInput("expected an object", field)
    return value


def listed(value: object, field: str) -> Sequence[Any]:
    """Return a list; InvalidInput for anything else."""
    if not isinstance(value, list | tuple):
        raise InvalidInput("expected a list", field)
    return value


def known_keys(value: Mapping[str, Any], known: Collection[str], field: str) -> None:
    """Raise InvalidInput naming the first key that is not among the known ones."""
    for key in value:
        if key not in known:
            shown = str(key).encode(errors="replace").decode()[:100]
            raise InvalidInput(f"unknown; known are {', '.join(known)}", f"{field}.{shown}")


def number(
    value: object,
    field: str,
    *,
    lowest: float | None = None,
    above: float | None = None,
    highest: float,
) -> float:
    """Return a finite number between the bounds; `above` itself is not allowed."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput("expected a number", field)
    if not _is_finite(value):
        raise InvalidInput("a number must be finite", field)
    if lowest is not None and not lowest <= value <= highest:
        raise InvalidInput(f"must be between {lowest:g} and {highest:g}", field)
    if above is not None and not above < value <= highest:
        raise InvalidInput(f"must be above {above:g} and at most {highest:g}", field)
    return float(value)


def whole_number(value: object, field: str, lowest: int, highest: int) -> int:
    """Return a whole number between the bounds, both included."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput("expected a whole number", field)
    if not lowest <= value <= highest:
        raise InvalidInput(f"must be between {lowest:,} and {highest:,}", field)
    return value


def text(value: object, field: str, max_chars: int) -> str:
    """Return a string of 1 to so many characters that Postgres can hold."""
    if not isinstance(value, str):
        raise InvalidInput("expected a string", field)
    if not 0 < len(value) <= max_chars:
        raise InvalidInput(f"must have 1 to {max_chars} characters", field)
    if "\0" in value:
        raise InvalidInput("the character NUL is not allowed", field)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput("a lone surrogate is not text", field) from None
    return value


def _is_finite(value: float) -> bool:
    # An integer of a thousand digits has no float.
    return isinstance(value, int) or math.isfinite(value)
