"""Which rows of an index table a leg may take: those of its space, access and filter."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, and_

from embedhub.search.access import access_predicate
from embedhub.search.filters import Filter
from embedhub.tables import Space


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a row must fulfil beside belonging to the space."""

    filter: Filter
    principals: Sequence[str] | None
    # past their time, although nobody has removed them yet
    expired_documents: Sequence[int] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether every row of the space passes."""
        is_filtered = self.filter.condition is not None
        return not (is_filtered or self.expired_documents) and self.principals is None

    def predicate(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition over the columns of either index table."""
        conditions = [
            self.filter.predicate(table.c.attributes),
            access_predicate(table.c.access, self.principals),
        ]
        if self.expired_documents:
            conditions.append(table.c.document_id.not_in(self.expired_documents))
        return and_(*conditions)


def place_of(table: FromClause, space: Space) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that pick the rows of a space."""
    # Both always: the shelf picks the partition, the space its rows there.
    return table.c.shelf_id == space.shelf_id, table.c.space_id == space.id
