"""What of a document's metadata is filterable, and in which form the index rows hold it."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeGuard

from embedhub.errors import InvalidInput

# Longer strings are not filterable: they would fill the index pages with prose.
MAX_VALUE_BYTES = 256

Scalar = str | int | float | bool


class FieldType(StrEnum):
    """The types a filterable field can be declared with; a field may hold lists of its type."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    ARRAY = "array"  # elements of any type


def normalise_attributes(
    metadata: Mapping[str, Any], filterable: Mapping[str, str]
) -> dict[str, Any]:
    """Return what `attributes` holds for this metadata: one flat object of scalars and lists.

    Keys of nested objects are joined by dots, lists of lists become one list, and objects in a
    list give a list of each key's values.
    Dates of fields declared as such become seconds since 1970 in UTC. A string beyond 256 bytes
    keeps just more than these: it can equal no value of a filter, is still ordered rightly
    against all of them, and the key still exists. Keys beyond 256 bytes are dropped. Never raises:
    a value of another type than declared stays as it is.
    """
    attributes: dict[str, Any] = {}
    for key, value in _leaves("", metadata):
        if len(key.encode()) > MAX_VALUE_BYTES:
            continue
        stored = _stored(value, filterable.get(key))
        if key in attributes:
            attributes[key] = [*_as_list(attributes[key]), *_as_list(stored)]
        else:
            attributes[key] = stored
    return attributes


def check_attributes(
    metadata: Mapping[str, Any], filterable: Mapping[str, str], field: str = "metadata"
) -> None:
    """Raise InvalidInput naming the first value whose type is not the declared one; null passes."""
    for key, leaf in _leaves("", metadata):
        declared = filterable.get(key)
        if declared is None or declared == FieldType.ARRAY:
            continue
        for value in _as_list(leaf):
            if value is not None and not _is_of(value, declared):
                raise InvalidInput(f"expected a {declared}, as declared", f"{field}.{key}")


def check_filterable(raw: Mapping[str, str], field: str = "filterable") -> dict[str, str]:
    """Return the declared field types of a collection; raises InvalidInput for an unknown type."""
    known = [member.value for member in FieldType]
    for name, declared in raw.items():
        if not name or name.startswith("$") or "\0" in name:
            raise InvalidInput("not a field name", field)
        if len(name.encode(errors="replace")) > MAX_VALUE_BYTES:
            raise InvalidInput(f"a field name longer than {MAX_VALUE_BYTES} bytes", field)
        if declared not in known:
            raise InvalidInput(f"expected one of {', '.join(known)}", f"{field}.{name}")
    return dict(raw)


def epoch_of(value: object) -> float | None:
    """Return an ISO 8601 date or time as seconds since 1970; None if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError):
        return None


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether JSON would write the value as a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _leaves(prefix: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping):
            if inner:
                yield from _leaves(f"{name}.", inner)
            else:
                yield name, {}
        elif isinstance(inner, list):
            yield from _list_leaves(name, inner)
        else:
            yield name, inner


def _list_leaves(name: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    flat = list(_elements(values))
    objects = [value for value in flat if isinstance(value, Mapping) and value]
    rest = [value for value in flat if not isinstance(value, Mapping)]
    if rest or not objects:
        yield name, rest
    for value in objects:
        yield from _leaves(f"{name}.", value)


def _elements(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _elements(value)
        else:
            yield value


def _stored(value: Any, declared: str | None) -> Any:
    if isinstance(value, list):
        return [_stored(element, declared) for element in value]
    if declared == FieldType.DATE:
        moment = epoch_of(value)
        return value if moment is None else moment
    if isinstance(value, str):
        return _shortened(value)
    return value


def _shortened(text: str) -> str:
    if len(text) <= MAX_VALUE_BYTES and len(text.encode()) <= MAX_VALUE_BYTES:
        return text
    # Four bytes hold at least one whole character more than a filter's value can have.
    return text.encode()[: MAX_VALUE_BYTES + 4].decode(errors="ignore")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_of(value: Any, declared: str) -> bool:
    match declared:
        case FieldType.DATE:
            return epoch_of(value) is not None
        case FieldType.NUMBER:
            return is_number(value) and math.isfinite(value)
        case FieldType.BOOLEAN:
            return isinstance(value, bool)
    return isinstance(value, str)
