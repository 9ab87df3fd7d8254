"""The filter language, compiled into a condition over `attributes`.

A filter is an object: field names with a value or with operators, and $and, $or, $not.

    {"lang": "en", "year": {"$gte": 2020, "$lt": 2024}, "$or": [{"tags": "a"}, {"draft": true}]}

Meaning, the same for every operator:

- Several conditions in one object must all hold. A bare value means $eq.
- Comparison is typed: a number is compared with numbers only, a string (by code point) with
  strings only. A value of another type does not match; it is never an error.
- A list holds any of its elements: $eq, $gt, ... hold if one element does.
- $ne, $nin and $not are the exact opposite of $eq, $in and what they hold, so they match documents
  that lack the key.
- null stands for "no value": {"a": null} matches null and missing keys, {"a": {"$ne": null}} any
  other value. {"a": {"$exists": true}} asks for the key itself, whatever its value.
- $contains asks a list for an element, and a string for a part of its first 256 bytes.
- "a.b" is the key b of the object a, and as well a key that is itself called "a.b".
- A field declared as `date` compares as a moment (no zone means UTC); an undeclared date is a
  string and compares as one.

Every condition is true or false but never unknown, so negation means what it says (unlike SQL's).
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, true

from embedhub.config import get_config
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.attributes import (
    MAX_VALUE_BYTES,
    FieldType,
    Scalar,
    epoch_of,
    is_number,
)
from embedhub.search.conditions import (
    Condition,
    LookUp,
    Not,
    Test,
    all_of,
    any_of,
    beyond_paths,
    bound_of,
    look_up,
    one_of,
)
from embedhub.search.queries import filtering

COMPARISONS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
MAX_NUMBER_BITS = 512


@dataclass(frozen=True, slots=True)
class Filter:
    """A checked filter; `condition` is None when everything matches."""

    condition: Condition | None = None
    # what helps an index to find rows costs time where none is asked
    is_helpful: bool = True

    def predicate(self, attributes: Any) -> ColumnElement[bool]:
        """Return the condition over a jsonb column that `normalise_attributes` filled."""
        if self.condition is None:
            return true()
        holds = filtering.exact(self.condition, attributes)
        # What follows from the condition anyway, in the words of the index that can find it.
        helping = beyond_paths(look_up(self.condition)) if self.is_helpful else None
        return holds if helping is None else and_(filtering.looked_up(helping, attributes), holds)

    def look_up(self) -> LookUp | None:
        """Return what indexes of a shelf of its own find of the filter; None if they cannot."""
        return None if self.condition is None else look_up(self.condition)


def parse_filter(raw: object, filterable: Mapping[str, str], field: str = "filter") -> Filter:
    """Return the compiled filter; None and {} match everything.

    `filterable` holds the declared type of fields: a value of another type is refused. Raises
    InvalidInput with the path of the part, such as filter.year.$gte, TooLarge over
    `max_filter_terms`, `max_filter_values` or `max_filter_depth`.
    """
    if raw is None or raw == {}:
        return Filter()
    return Filter(_Compiler(filterable).conditions(raw, field, depth=1))


@dataclass(slots=True)
class _Compiler:
    """Compiles one filter; counts its conditions and the values of its lists."""

    filterable: Mapping[str, str]
    n_terms: int = 0
    n_values: int = 0
    operators: dict[str, Callable[["_Operand"], Condition]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.operators = {
            "$eq": _equal,
            "$ne": lambda operand: Not(_equal(operand)),
            "$in": self.is_in,
            "$nin": lambda operand: Not(self.is_in(operand)),
            "$exists": _exists,
            "$contains": _contains,
            **dict.fromkeys(COMPARISONS, _compare),
        }

    def conditions(self, raw: object, path: str, depth: int) -> Condition:
        """Return the predicate of one filter object."""
        if not isinstance(raw, Mapping):
            raise InvalidInput("a filter is an object", path)
        if not raw:
            raise InvalidInput("an empty condition", path)
        self.check_depth(depth, path)
        return all_of([self.condition(key, value, path, depth) for key, value in raw.items()])

    def condition(self, key: object, value: object, path: str, depth: int) -> Condition:
        """Return the predicate of one entry: a field or a logical operator."""
        if not isinstance(key, str) or not key:
            raise InvalidInput("a field name is a string of at least one character", path)
        check_text(key, path)
        inner = f"{path}.{key}"
        if key in {"$and", "$or"}:
            if not isinstance(value, list) or not value:
                raise InvalidInput("expected a list of at least one condition", inner)
            parts = [
                self.conditions(part, f"{inner}.{position}", depth + 1)
                for position, part in enumerate(value)
            ]
            return all_of(parts) if key == "$and" else any_of(parts)
        if key == "$not":
            return Not(self.conditions(value, inner, depth + 1))
        if key.startswith("$"):
            raise InvalidInput("unknown operator; here stands a field, $and, $or or $not", inner)
        return self.field(key, value, inner, depth + 1)

    def field(self, name: str, value: object, path: str, depth: int) -> Condition:
        """Return the predicate of one field: a value, or operators that must all hold."""
        if not isinstance(value, Mapping):
            return self.operator(name, "$eq", value, path)
        if not value:
            raise InvalidInput("expected a value or operators", path)
        self.check_depth(depth, path)
        parts: list[Condition] = []
        for operator, operand in value.items():
            inner = f"{path}.{check_text(str(operator), path)}"
            if operator == "$not":
                parts.append(Not(self.field(name, operand, inner, depth + 1)))
            elif operator in self.operators:
                parts.append(self.operator(name, operator, operand, inner))
            else:
                known = ", ".join([*self.operators, "$not"])
                raise InvalidInput(f"unknown operator; known are {known}", inner)
        return all_of(parts)

    def operator(self, name: str, operator: str, value: object, path: str) -> Condition:
        self.n_terms += 1
        if self.n_terms > get_config().max_filter_terms:
            raise TooLarge(f"more than {get_config().max_filter_terms} conditions", "filter")
        declared = self.filterable.get(name)
        return self.operators[operator](_Operand(name, operator, value, declared, path))

    def is_in(self, operand: "_Operand") -> Condition:
        """Return whether one of the listed values equals; an empty list equals nothing."""
        if not isinstance(operand.value, list):
            raise InvalidInput("expected a list of values", operand.path)
        self.n_values += len(operand.value)
        if self.n_values > get_config().max_filter_values:
            raise TooLarge(f"more than {get_config().max_filter_values} values", operand.path)
        values = [
            _Operand(operand.name, "$in", value, operand.declared, f"{operand.path}.{position}")
            for position, value in enumerate(operand.value)
        ]
        # Equal values once, in the order they were given.
        literals = list(dict.fromkeys(one.literal() for one in values if one.value is not None))
        parts: list[Condition] = [_equal(one) for one in values if one.value is None][:1]
        if literals:
            path = _some(operand.name, " || ".join(f"@ == {literal}" for literal in literals))
            parts.insert(0, one_of(operand.name, literals, operand.declared, path))
        return any_of(parts) if parts else Test("(1 == 0)")

    def check_depth(self, depth: int, path: str) -> None:
        if depth > get_config().max_filter_depth:
            raise TooLarge(f"nested deeper than {get_config().max_filter_depth}", path)


@dataclass(frozen=True, slots=True)
class _Operand:
    """One value of a filter, with the field and operator it belongs to."""

    name: str
    operator: str
    value: object
    declared: str | None
    path: str

    def literal(self) -> str:
        """Return the value as jsonpath writes it, after checking its type and size."""
        value = self.value
        if isinstance(value, str):
            check_text(value, self.path)
        elif is_number(value):
            check_number(value, self.path)
        elif not isinstance(value, bool):
            raise InvalidInput("expected a string, number or boolean", self.path)
        return json.dumps(self.declared_value(value), ensure_ascii=False)

    def declared_value(self, value: Scalar) -> Scalar:
        """Return the value as `attributes` holds it; refuses another type than the declared."""
        match self.declared:
            case FieldType.DATE:
                moment = epoch_of(value)
                if moment is None:
                    raise InvalidInput("expected an ISO 8601 date, as declared", self.path)
                return moment
            case FieldType.NUMBER if not is_number(value):
                raise InvalidInput("expected a number, as declared", self.path)
            case FieldType.STRING if not isinstance(value, str):
                raise InvalidInput("expected a string, as declared", self.path)
            case FieldType.BOOLEAN if not isinstance(value, bool):
                raise InvalidInput("expected a boolean, as declared", self.path)
        return value


def check_text(text: str, path: str) -> str:
    """Return the text; refuses what Postgres cannot hold and what is too long to be filterable."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInput("a lone surrogate is not text", path) from None
    if "\0" in text:
        raise InvalidInput("the character NUL is not allowed", path)
    if size > MAX_VALUE_BYTES:
        raise InvalidInput(f"longer than {MAX_VALUE_BYTES} bytes", path)
    return text


def check_number(number: float, path: str) -> None:
    """Refuse what JSON cannot say and numbers that no column of a product holds."""
    if isinstance(number, int):
        if number.bit_length() > MAX_NUMBER_BITS:
            raise InvalidInput("a number of too many digits", path)
    elif not math.isfinite(number):
        raise InvalidInput("a number must be finite", path)


def _equal(operand: _Operand) -> Condition:
    if operand.value is None:
        return Test(f"(!({_found(operand.name)}) || {_some(operand.name, '@ == null')})")
    if isinstance(operand.value, list):
        raise InvalidInput("expected one value; use $in for several", operand.path)
    return Test(_some(operand.name, f"@ == {operand.literal()}"), has_key=True)


def _compare(operand: _Operand) -> Condition:
    if isinstance(operand.value, bool) or not isinstance(operand.value, (str, int, float)):
        raise InvalidInput("expected a number or a string", operand.path)
    operator, value = COMPARISONS[operand.operator], operand.literal()
    bound = bound_of(operand.name, operator, value, operand.declared)
    return Test(_some(operand.name, f"@ {operator} {value}"), bound=bound)


def _exists(operand: _Operand) -> Condition:
    if not isinstance(operand.value, bool):
        raise InvalidInput("expected true or false", operand.path)
    found = Test(_found(operand.name))
    return found if operand.value else Not(found)


def _found(name: str) -> str:
    # Objects are stored flat, so the key "a" of {"a": {"b": 1}} shows only as "a.b".
    own, within = _quoted(name), _quoted(f"{name}.")
    return f"exists($.keyvalue() ? (@.key == {own} || @.key starts with {within}))"


def _contains(operand: _Operand) -> Condition:
    if operand.value is None or isinstance(operand.value, (list, Mapping)):
        raise InvalidInput("expected a string, number or boolean", operand.path)
    element = _some(operand.name, f"@ == {operand.literal()}")
    if not isinstance(operand.value, str) or operand.declared == FieldType.DATE:
        return Test(element, has_key=True)
    key = _key(operand.name)
    part = f'exists({key} ? (@ like_regex {operand.literal()} flag "q"))'
    return Test(f'({element} || ({key}.type() == "string" && {part}))')


def _some(name: str, test: str) -> str:
    # Lax jsonpath looks into lists by itself.
    return f"exists({_key(name)} ? ({test}))"


def _key(name: str) -> str:
    return f"$.{_quoted(name)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
