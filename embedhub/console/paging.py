"""Counting and paging through tables of any size."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

from embedhub.console.queries import COUNT_BOUND
from embedhub.console.words import bounded


class BoundedPaginator(Paginator):
    """Pages through the first COUNT_BOUND rows; whoever looks for others filters or searches."""

    template_name = "console/pagination.html"

    @cached_property
    def found(self) -> int:
        """Return the number of rows, or COUNT_BOUND + 1 when there are more."""
        rows: Any = self.object_list
        if not hasattr(rows, "order_by"):
            return len(rows)
        return rows.order_by().values("pk")[: COUNT_BOUND + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self.found, COUNT_BOUND)

    @property
    def is_cut(self) -> bool:
        """Say whether there are more rows than can be paged through."""
        return self.found > COUNT_BOUND

    @property
    def found_words(self) -> str:
        """Return the number of rows as staff read it."""
        return bounded(self.found, COUNT_BOUND)
