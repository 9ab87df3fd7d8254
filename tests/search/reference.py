"""What a filter means, said a second time: a plain evaluator over a document's own metadata."""

from collections.abc import Iterator, Mapping
from typing import Any

from embedhub.search.attributes import epoch_of


def matches(
    condition: Mapping[str, Any], metadata: Mapping[str, Any], dates: frozenset[str] = frozenset()
) -> bool:
    """Return whether the metadata fulfils the filter; `dates` are the fields declared as date."""
    return all(_entry(key, value, metadata, dates) for key, value in condition.items())


def _entry(key: str, value: Any, metadata: Mapping[str, Any], dates: frozenset[str]) -> bool:
    if key == "$and":
        return all(matches(part, metadata, dates) for part in value)
    if key == "$or":
        return any(matches(part, metadata, dates) for part in value)
    if key == "$not":
        return not matches(value, metadata, dates)
    return _field(key, value, metadata, dates)


def _field(key: str, value: Any, metadata: Mapping[str, Any], dates: frozenset[str]) -> bool:
    if not isinstance(value, Mapping):
        value = {"$eq": value}
    found = list(values_at(key, metadata))
    # A string by itself may be asked for a part, a list of strings only for an element.
    is_lone = len(found) == 1 and isinstance(found[0], str) and not is_listed(key, metadata)
    exists = has_key(key, metadata)
    is_date = key in dates
    return all(
        not _field(key, operand, metadata, dates)
        if operator == "$not"
        else _holds(operator, operand, found, exists=exists, is_date=is_date, is_lone=is_lone)
        for operator, operand in value.items()
    )


def _holds(
    operator: str,
    operand: Any,
    found: list[Any],
    *,
    exists: bool,
    is_date: bool,
    is_lone: bool,
) -> bool:
    if is_date and not isinstance(operand, (list, bool, type(None))):
        operand = epoch_of(operand)
        found = [moment for value in found if (moment := epoch_of(value)) is not None]
        is_date = False
    match operator:
        case "$eq":
            if operand is None:
                return not exists or None in found
            return any(_same(value, operand) for value in found)
        case "$ne":
            return not _holds(
                "$eq", operand, found, exists=exists, is_date=is_date, is_lone=is_lone
            )
        case "$in":
            return any(
                _holds("$eq", one, found, exists=exists, is_date=is_date, is_lone=is_lone)
                for one in operand
            )
        case "$nin":
            return not _holds(
                "$in", operand, found, exists=exists, is_date=is_date, is_lone=is_lone
            )
        case "$exists":
            return exists is operand
        case "$contains":
            return any(_same(value, operand) for value in found) or (
                is_lone and isinstance(operand, str) and operand in found[0]
            )
    return any(_ordered(operator, value, operand) for value in found)


def _same(value: Any, operand: Any) -> bool:
    return _kind(value) == _kind(operand) and value == operand


def _ordered(operator: str, value: Any, operand: Any) -> bool:
    if _kind(value) != _kind(operand):
        return False
    match operator:
        case "$gt":
            return bool(value > operand)
        case "$gte":
            return bool(value >= operand)
        case "$lt":
            return bool(value < operand)
    return bool(value <= operand)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def values_at(key: str, value: Any, name: str = "") -> Iterator[Any]:
    """Yield every scalar at a dotted key, however nested or listed it is."""
    if isinstance(value, Mapping):
        for inner, child in value.items():
            yield from values_at(key, child, f"{name}.{inner}" if name else inner)
    elif isinstance(value, list):
        for child in value:
            yield from values_at(key, child, name)
    elif name == key:
        yield value


def has_key(key: str, value: Any, name: str = "") -> bool:
    """Return whether a dotted key is there, with whatever value.

    A key called "a.b" means the same as b inside a, so it makes "a" exist too.
    """
    if name == key or name.startswith(f"{key}."):
        return True
    if isinstance(value, Mapping):
        return any(
            has_key(key, child, f"{name}.{inner}" if name else inner)
            for inner, child in value.items()
        )
    return isinstance(value, list) and any(has_key(key, child, name) for child in value)


def is_listed(key: str, value: Any, name: str = "") -> bool:
    """Return whether a list stands somewhere on the way to a dotted key, or at it."""
    if isinstance(value, list):
        return name == key or any(has_key(key, child, name) for child in value)
    return isinstance(value, Mapping) and any(
        is_listed(key, child, f"{name}.{inner}" if name else inner)
        for inner, child in value.items()
    )
