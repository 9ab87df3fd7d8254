"""Filters to check the index with, made from the metadata that a space's rows have; pure."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from embedhub.search.attributes import MAX_VALUE_BYTES, FieldType, Scalar, is_number
from embedhub.search.recall.measures import SHARES, FilterClass, class_of_share

Attributes = Mapping[str, Any]
# The seconds since 1970 of moments that have a date, without the first and the last day of all.
DATES = range(-62_135_500_000, 253_402_200_000)


def make_filter(
    rows: Sequence[Attributes],
    filterable: Mapping[str, str],
    wanted: FilterClass,
    rng: random.Random,
) -> dict[str, Any] | None:
    """Return a filter that keeps about the share of a class of these rows; None if none does.

    `rows` are a sample of what the index rows hold. Equality and ranges are chosen alike often.
    """
    if not rows:
        return None
    kinds = [_equalities(rows, filterable, wanted), _ranges(rows, filterable, wanted, rng)]
    possible = [filters for filters in kinds if filters]
    return rng.choice(rng.choice(possible)) if possible else None


def _equalities(
    rows: Sequence[Attributes], filterable: Mapping[str, str], wanted: FilterClass
) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, Scalar]] = Counter()
    for row in rows:
        for name, value in row.items():
            # A set: a list that holds a value twice is one row all the same.
            counts.update({(name, one) for one in _scalars(value, filterable.get(name))})
    return [
        {name: _as_asked(value, filterable.get(name))}
        for (name, value), count in counts.items()
        if class_of_share(count / len(rows)) is wanted
    ]


def _ranges(
    rows: Sequence[Attributes],
    filterable: Mapping[str, str],
    wanted: FilterClass,
    rng: random.Random,
) -> list[dict[str, Any]]:
    n_wanted = max(1, round(SHARES[wanted] * len(rows)))
    numbers: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in row.items():
            if is_number(value) and _is_askable(value, filterable.get(name)):
                numbers[name].append(value)
    filters = []
    for name, values in numbers.items():
        if len(values) < n_wanted:
            continue
        values.sort()
        start = rng.randrange(len(values) - n_wanted + 1)
        low, high = values[start], values[start + n_wanted - 1]
        share = sum(low <= value <= high for value in values) / len(rows)
        if low < high and class_of_share(share) is wanted:
            declared = filterable.get(name)
            between = {"$gte": _as_asked(low, declared), "$lte": _as_asked(high, declared)}
            filters.append({name: between})
    return filters


def _scalars(value: Any, declared: str | None) -> list[Scalar]:
    values = value if isinstance(value, list) else [value]
    return [
        one for one in values if isinstance(one, (str, int, float)) and _is_askable(one, declared)
    ]


def _is_askable(value: Scalar, declared: str | None) -> bool:
    if isinstance(value, str):
        # Of longer strings the index holds only a part, which equals no value.
        return len(value.encode()) <= MAX_VALUE_BYTES
    # Numbers that were there before their field was declared as a date may be anything.
    return declared != FieldType.DATE or DATES.start <= value < DATES.stop


def _as_asked(value: Scalar, declared: str | None) -> Scalar:
    """Return a stored value as a caller writes it: declared dates are stored as seconds."""
    if declared == FieldType.DATE and is_number(value):
        return datetime.fromtimestamp(value, UTC).isoformat()
    return value
