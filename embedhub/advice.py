"""Advice: what somebody could do for a collection, as any feature may find it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AdviceCode(StrEnum):
    """What a piece of advice is about, for programs."""

    # the index finds too few of the true nearest
    LOW_RECALL = "low_recall"
    # a field is often filtered by ranges and not declared, so that no index serves it
    FILTER_WITHOUT_INDEX = "filter_without_index"
    # the field is declared, but its index is not there
    FILTER_INDEX_MISSING = "filter_index_missing"
    # a frequent filter that no index can serve makes searches slow
    SLOW_FILTER = "slow_filter"
    # many dead rows, or room that a fresh vector index would not take
    REBUILD_INDEX = "rebuild_index"


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice; `message` says what was seen and what to do, `since` from when on."""

    code: AdviceCode
    message: str
    since: datetime
