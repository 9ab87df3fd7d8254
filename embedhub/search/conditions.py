"""A checked filter as a tree, and what of it an index can look up; pure.

Each leaf is one condition on one field, written as a jsonpath predicate that is true or false. Only
a long list of values is kept apart: jsonpath would compare it one by one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from embedhub.search.field_index import INDEXED_TYPES, RANGE_TYPES

# Of more values than these jsonpath and the GIN index take longer than a hash table.
MAX_PATH_VALUES = 16


@dataclass(frozen=True, slots=True)
class Bound:
    """A comparison that the B-tree of a field narrows; `value` is JSON."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Test:
    """One condition as jsonpath.

    `has_key` says that it names a value which the GIN index can look up; `bound` is what the B-tree
    of a declared field can.
    """

    jsonpath: str
    has_key: bool = False
    bound: Bound | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether a field is one of many values, given as JSON; `is_indexed` if it has a B-tree."""

    field: str
    values: tuple[str, ...]
    is_indexed: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple["Condition", ...]


Condition = Test | OneOf | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Paths:
    """Conditions that the GIN index looks up, as one jsonpath."""

    jsonpath: str


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of one field that its B-tree looks up together."""

    field: str
    bounds: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one field that its B-tree looks up."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """Look-ups whose rows are intersected."""

    parts: tuple["LookUp", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Look-ups whose rows are united."""

    parts: tuple["LookUp", ...]


# What every row that passes fulfils and an index finds; rows that do not pass may fulfil it, too.
LookUp = Paths | Range | Values | Every | Either


def all_of(parts: Sequence[Condition]) -> Condition:
    """Return the conjunction of at least one part."""
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def any_of(parts: Sequence[Condition]) -> Condition:
    """Return the disjunction of at least one part."""
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def one_of(field: str, values: Sequence[str], declared: str | None, jsonpath: str) -> Condition:
    """Return whether a field is one of some values; `jsonpath` says the same of a few."""
    if len(values) <= MAX_PATH_VALUES:
        return Test(jsonpath, has_key=True)
    return OneOf(field, tuple(values), is_indexed=declared in INDEXED_TYPES)


def bound_of(field: str, operator: str, value: str, declared: str | None) -> Bound | None:
    """Return the comparison as the B-tree of a declared field looks it up; None without one."""
    return Bound(field, operator, value) if declared in RANGE_TYPES else None


def jsonpath_of(condition: Condition) -> str | None:
    """Return the condition as one jsonpath predicate; None if a part of it is none."""
    match condition:
        case Test(jsonpath=path):
            return path
        case OneOf():
            return None
        case Not(part=part):
            inner = jsonpath_of(part)
            return None if inner is None else f"!({inner})"
        case AllOf(parts=parts):
            return _joined_paths("&&", parts)
        case AnyOf(parts=parts):
            return _joined_paths("||", parts)


def has_keys(condition: Condition) -> bool:
    """Return whether the GIN index finds the rows for which the condition's jsonpath may hold."""
    match condition:
        case Test(has_key=has_key):
            return has_key
        case AllOf(parts=parts):
            return any(map(has_keys, parts))
        case AnyOf(parts=parts):
            return all(map(has_keys, parts))
        case OneOf() | Not():
            return False


def look_up(condition: Condition) -> LookUp | None:
    """Return what indexes can look up of a condition; None if they cannot narrow it."""
    match condition:
        case Test(bound=Bound() as bound):
            return Range(bound.field, (bound,))
        case Test(jsonpath=path, has_key=True):
            return Paths(path)
        case OneOf(field=field, values=values, is_indexed=True):
            return Values(field, values)
        case AllOf(parts=parts):
            found = [one for one in map(look_up, parts) if one is not None]
            return _every(found) if found else None
        case AnyOf(parts=parts):
            found = [one for one in map(look_up, parts) if one is not None]
            return Either(tuple(found)) if len(found) == len(parts) else None
        case _:
            return None


def beyond_paths(found: LookUp | None) -> LookUp | None:
    """Return what of a look-up jsonpath does not give to the GIN index by itself."""
    match found:
        case None | Paths():
            return None
        case Every(parts=parts):
            rest = [one for one in map(beyond_paths, parts) if one is not None]
            return _every(rest) if rest else None
        case Either(parts=parts):
            is_only_paths = all(isinstance(one, Paths) for one in parts)
            return None if is_only_paths else found
    return found


def fields_of(found: LookUp) -> Iterator[str]:
    """Yield the fields whose B-tree a look-up needs."""
    match found:
        case Range(field=field) | Values(field=field):
            yield field
        case Every(parts=parts) | Either(parts=parts):
            for part in parts:
                yield from fields_of(part)


def without(found: LookUp | None, is_missing: Mapping[str, bool]) -> LookUp | None:
    """Return a look-up as far as the B-trees of its fields are there."""
    match found:
        case Range(field=field) | Values(field=field):
            return None if is_missing.get(field) else found
        case Every(parts=parts):
            rest = [one for part in parts if (one := without(part, is_missing)) is not None]
            return _every(rest) if rest else None
        case Either(parts=parts):
            kept = [one for part in parts if (one := without(part, is_missing)) is not None]
            return Either(tuple(kept)) if len(kept) == len(parts) else None
    return found


def join_paths(operator: str, paths: Sequence[str]) -> str:
    """Return predicates joined as a balanced tree: Postgres parses no chain of thousands."""
    if len(paths) == 1:
        return paths[0]
    if len(paths) <= 8:
        return f"({f' {operator} '.join(paths)})"
    middle = len(paths) // 2
    left, right = join_paths(operator, paths[:middle]), join_paths(operator, paths[middle:])
    return f"({left} {operator} {right})"


def _joined_paths(operator: str, parts: Sequence[Condition]) -> str | None:
    paths = [path for part in parts if (path := jsonpath_of(part)) is not None]
    return join_paths(operator, paths) if len(paths) == len(parts) else None


def _every(found: Sequence[LookUp]) -> LookUp:
    """Return the intersection; the bounds of one field become one range."""
    ranges: dict[str, list[Bound]] = {}
    rest: list[LookUp] = []
    for one in found:
        parts = one.parts if isinstance(one, Every) else (one,)
        for part in parts:
            if isinstance(part, Range):
                ranges.setdefault(part.field, []).extend(part.bounds)
            else:
                rest.append(part)
    joined = [Range(field, tuple(bounds)) for field, bounds in ranges.items()]
    every = (*joined, *rest)
    return every[0] if len(every) == 1 else Every(every)
