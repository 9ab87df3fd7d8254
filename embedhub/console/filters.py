"""Filters of lists that stay fast on tables of any size."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

PERIODS = {
    "hour": ("In the last hour", timedelta(hours=1)),
    "day": ("In the last 24 hours", timedelta(days=1)),
    "week": ("In the last 7 days", timedelta(days=7)),
    "month": ("In the last 30 days", timedelta(days=30)),
}


class ByRelated(AutocompleteSelectFilter):
    """A filter by a related row that is looked up by typing, however many there are."""


class Since(DropdownFilter):
    """Rows whose time lies in a recent period; `column` says which time."""

    title = "time"
    parameter_name = "since"
    column = "created_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in PERIODS:
            return queryset
        start = datetime.now(UTC) - PERIODS[self.value()][1]
        return queryset.filter(**{f"{self.column}__gte": start})


class UpdatedSince(Since):
    """Rows changed in a recent period."""

    title = "last change"
    column = "updated_at"
