"""A filter as SQL over `attributes`: the exact condition, and what helps an index to find rows."""

from functools import reduce
from operator import and_, or_
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Text,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from embedhub.search.conditions import (
    AllOf,
    AnyOf,
    Bound,
    Condition,
    Either,
    Every,
    LookUp,
    Not,
    OneOf,
    Paths,
    Range,
    Test,
    Values,
    has_keys,
    join_paths,
    jsonpath_of,
)
from embedhub.search.field_index import LISTS, quoted

Json = ColumnElement[object]
Truth = ColumnElement[bool]


def exact(condition: Condition, attributes: Json) -> Truth:
    """Return the condition itself: true or false for every row, never unknown."""
    path = jsonpath_of(condition)
    if path is not None:
        return path_holds(path, attributes, is_looked_up=has_keys(condition))
    match condition:
        case OneOf():
            return _is_one_of(condition, attributes)
        case Not(part=part):
            return not_(exact(part, attributes))
        case AllOf(parts=parts):
            return _apart(parts, "&&", attributes)
        case AnyOf(parts=parts):
            return _apart(parts, "||", attributes)
        case Test():
            raise AssertionError("a test is a jsonpath")


def path_holds(path: str, attributes: Json, *, is_looked_up: bool) -> Truth:
    """Return whether a jsonpath predicate holds.

    Without a value that the GIN index can look up the operator is not used: the planner would
    go through the whole index and then through the whole table.
    """
    if is_looked_up:
        return attributes.op("@@", return_type=Boolean())(cast(path, JSONPATH))
    no_variables: Json = literal_column("'{}'::jsonb")
    holds: Truth = func.jsonb_path_match(
        attributes, cast(path, JSONPATH), no_variables, true(), type_=Boolean()
    )
    return holds


def looked_up(found: LookUp, attributes: Json) -> Truth:
    """Return the condition that indexes of a shelf find rows by; unknown counts as false."""
    match found:
        case Paths(jsonpath=path):
            return path_holds(path, attributes, is_looked_up=True)
        case Range(field=field, bounds=bounds):
            value = indexed_value(attributes, field)
            return _is_list(value) | reduce(and_, (_within(value, bound) for bound in bounds))
        case Values(field=field, values=values):
            value = indexed_value(attributes, field)
            return _is_list(value) | (value == func.any(_jsonb_array(values)))
        case Every(parts=parts):
            return reduce(and_, (looked_up(part, attributes) for part in parts))
        case Either(parts=parts):
            return reduce(or_, (looked_up(part, attributes) for part in parts))


def indexed_value(attributes: Json, field: str) -> Json:
    """Return the expression of a field's B-tree, which the planner has to recognise."""
    value = attributes.op("->")(literal_column(quoted(field)))
    types: list[Json] = [literal_column("'array'"), literal_column("'object'")]
    kept: Json = case((func.jsonb_typeof(value).in_(types), literal_column(LISTS)), else_=value)
    return kept


def _apart(parts: tuple[Condition, ...], operator: str, attributes: Json) -> Truth:
    """Return parts joined in SQL; those that are jsonpath stay together in one predicate."""
    paths = [part for part in parts if jsonpath_of(part) is not None]
    rest = [exact(part, attributes) for part in parts if jsonpath_of(part) is None]
    if paths:
        joined = join_paths(operator, [path for one in paths if (path := jsonpath_of(one))])
        keys = map(has_keys, paths)
        is_looked_up = any(keys) if operator == "&&" else all(keys)
        rest.insert(0, path_holds(joined, attributes, is_looked_up=is_looked_up))
    return reduce(and_ if operator == "&&" else or_, rest)


def _is_one_of(condition: OneOf, attributes: Json) -> Truth:
    # Constant arrays: Postgres hashes them, so that a row costs the same for ten values and 10,000.
    values = _jsonb_array(condition.values)
    value = attributes.op("->")(literal_column(quoted(condition.field)))
    element = func.jsonb_array_elements(value).table_valued("value", name="element")
    column: Json = element.c.value
    in_list = exists(select(true()).select_from(element).where(column == func.any(values)))
    scalar = func.coalesce(value == func.any(values), false(), type_=Boolean())
    return case((func.jsonb_typeof(value) == literal_column("'array'"), in_list), else_=scalar)


def _within(value: Json, bound: Bound) -> Truth:
    return value.op(bound.operator, return_type=Boolean())(cast(literal(bound.value, Text), JSONB))


def _is_list(value: Json) -> Truth:
    return value.op("=", return_type=Boolean())(literal_column(LISTS))


def _jsonb_array(values: tuple[str, ...]) -> ColumnElement[Any]:
    return cast(literal(list(values), ARRAY(Text)), ARRAY(JSONB))
