"""Advice on frequent filters: which fields to declare, which indexes are missing, what is slow."""

from collections import defaultdict
from collections.abc import Collection as Some
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.advice import Advice, AdviceCode
from embedhub.config import get_config
from embedhub.search.attributes import FieldType
from embedhub.search.dense import has_index
from embedhub.search.field_index import index_suffix
from embedhub.search.filter_kinds import FilterKind
from embedhub.search.queries import filter_usage as queries
from embedhub.search.queries.filter_usage import UsedField
from embedhub.spaces.service import LiveSpaces
from embedhub.tables import Collection

__all__ = ["UsedField", "advice_on", "filter_advice", "forget_old"]

# A filter is judged by its busiest hours among the latest of these.
HOURS = 24
# The type to declare a field as, for an index to serve its ranges.
DECLARED_AS = {
    FilterKind.NUMBER_RANGE: FieldType.NUMBER,
    FilterKind.DATE_RANGE: FieldType.DATE,
}
UNSERVED = {
    FilterKind.TEXT_RANGE: "ranges of strings",
    FilterKind.PRESENCE: "whether it is there",
    FilterKind.SUBSTRING: "a part of a string",
    FilterKind.NEGATION: "what it is not",
}


@dataclass(frozen=True, slots=True)
class Frequent:
    """A use of a filter that was frequent: the busiest hour's searches, mean time, since when."""

    field: str
    kind: FilterKind
    per_hour: int
    mean_ms: float
    since: datetime


def filter_advice(session: Session, collection: Collection, spaces: LiveSpaces) -> list[Advice]:
    """Return what to declare or to ask otherwise, by the filters that searches used lately."""
    config = get_config()
    frequent = frequent_uses(
        queries.used_fields(session, collection_id=collection.id, hours=HOURS),
        config.advice_filters_per_hour,
    )
    if not frequent:
        return []
    unindexed: set[str] = set()
    space = spaces.dense
    # The shared shelf has no indexes: small collections do not need any.
    if space is not None and has_index(space.shelf_id, is_indexed=space.is_indexed):
        names = queries.valid_indexes(session, shelf_id=space.shelf_id)
        unindexed = {use.field for use in frequent if not is_served(use.field, names)}
    return advice_on(
        frequent,
        filterable=collection.filterable,
        unindexed=unindexed,
        slow_ms=config.advice_slow_ms,
    )


def frequent_uses(uses: Sequence[UsedField], per_hour: int) -> list[Frequent]:
    """Return the uses with at least so many searches in one hour, by field."""
    by_use: defaultdict[tuple[str, str], list[UsedField]] = defaultdict(list)
    for use in uses:
        if use.n_searches >= per_hour:
            by_use[use.field, use.kind].append(use)
    return [
        Frequent(
            field=field,
            kind=FilterKind(kind),
            per_hour=max(hour.n_searches for hour in hours),
            mean_ms=sum(hour.took_ms for hour in hours) / sum(hour.n_searches for hour in hours),
            since=min(hour.hour for hour in hours),
        )
        for (field, kind), hours in sorted(by_use.items())
    ]


def advice_on(
    frequent: Sequence[Frequent],
    *,
    filterable: Mapping[str, str],
    unindexed: Some[str],
    slow_ms: float,
) -> list[Advice]:
    """Return the advice on frequent uses of filters; equality is served whatever is declared.

    `unindexed` are the fields that have no index for ranges although the collection has indexes.
    """
    found = []
    for use in frequent:
        wanted = DECLARED_AS.get(use.kind)
        if wanted is not None and filterable.get(use.field) in {None, FieldType.STRING}:
            how = f"is filtered {use.per_hour:,} times an hour and has no index for its ranges"
            message = f"{use.field} {how}: declare it in filterable as {wanted.value}"
            found.append(Advice(AdviceCode.FILTER_WITHOUT_INDEX, message, use.since))
        elif wanted is not None and filterable.get(use.field) == wanted:
            if use.field in unindexed:
                how = f"is filtered {use.per_hour:,} times an hour and its index is missing"
                message = f"{use.field} {how}: build the index anew, and what is missing is made"
                found.append(Advice(AdviceCode.FILTER_INDEX_MISSING, message, use.since))
        elif use.kind is not FilterKind.EQUALITY and use.mean_ms >= slow_ms:
            found.append(Advice(AdviceCode.SLOW_FILTER, _slow(use), use.since))
    return found


def is_served(field: str, indexes: Sequence[str]) -> bool:
    """Return whether one of the indexes of these names is the one of a declared field."""
    return any(name.endswith(index_suffix(field)) for name in indexes)


def forget_old() -> int:
    """Delete counts older than `filter_usage_days`, in batches; return how many."""
    days = get_config().filter_usage_days
    return db.in_batches(lambda session, size: queries.delete_uses(session, days=days, limit=size))


def _slow(use: Frequent) -> str:
    asked = UNSERVED.get(use.kind, "ranges")
    return (
        f"{use.field} is filtered {use.per_hour:,} times an hour by {asked}, which no index serves,"
        f" and these searches take {use.mean_ms:,.0f} ms on average: store what is asked for as a"
        " value of its own and filter by equality"
    )
