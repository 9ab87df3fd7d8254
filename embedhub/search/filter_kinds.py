"""In which ways a filter uses its fields: what an index can serve, and what none can; pure."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from embedhub.search.attributes import epoch_of
from embedhub.search.filters import COMPARISONS


class FilterKind(StrEnum):
    """What a filter asks of a field, as far as it matters to indexes."""

    # $eq, $in, and $contains of anything but a string: any attribute's index serves these
    EQUALITY = "equality"
    # $gt, $gte, $lt, $lte: served by the index of a field declared as number or date
    NUMBER_RANGE = "number_range"
    DATE_RANGE = "date_range"
    # no index serves these
    TEXT_RANGE = "text_range"
    PRESENCE = "presence"
    SUBSTRING = "substring"
    NEGATION = "negation"


def used_kinds(raw: Mapping[str, Any] | None) -> set[tuple[str, FilterKind]]:
    """Return every field of a filter that was accepted, with the ways in which it is used.

    Whatever stands inside a negation counts as a negation: an index finds what is, not what is not.
    """
    return set(_of_conditions(raw or {}, is_negated=False))


def _of_conditions(raw: Mapping[str, Any], *, is_negated: bool) -> Iterator[tuple[str, FilterKind]]:
    for key, value in raw.items():
        if key in {"$and", "$or"}:
            for part in value:
                yield from _of_conditions(part, is_negated=is_negated)
        elif key == "$not":
            yield from _of_conditions(value, is_negated=True)
        else:
            for kind in _of_field(value):
                yield key, FilterKind.NEGATION if is_negated else kind


def _of_field(value: Any) -> Iterator[FilterKind]:
    operators = value.items() if isinstance(value, Mapping) else [("$eq", value)]
    for operator, operand in operators:
        yield _of_operator(operator, operand)


def _of_operator(operator: str, operand: Any) -> FilterKind:
    if operator in {"$not", "$ne", "$nin"}:
        return FilterKind.NEGATION
    if operator == "$exists" or operand is None:
        return FilterKind.PRESENCE
    if operator in COMPARISONS:
        if not isinstance(operand, str):
            return FilterKind.NUMBER_RANGE
        return FilterKind.TEXT_RANGE if epoch_of(operand) is None else FilterKind.DATE_RANGE
    if operator == "$contains" and isinstance(operand, str):
        return FilterKind.SUBSTRING
    return FilterKind.EQUALITY
