"""Which rows of an index table a leg may take: those of its space, access and filter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, func, select, text, true

from embedhub.search.access import access_predicate
from embedhub.search.conditions import LookUp
from embedhub.search.filters import Filter
from embedhub.search.queries import filtering
from embedhub.search.queries.operators import WordCondition
from embedhub.tables import Document, Space

DOCUMENTS: FromClause = Document.__table__
# Building a statement costs more than looking up ten rows: so many without a restriction are kept,
# made for all spaces of a shape, whose place is a parameter.
MAX_KEPT = 100
ANY_SPACE = Space(id=bindparam("space_id"), shelf_id=bindparam("shelf_id"))


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a row must fulfil beside belonging to the space."""

    filter: Filter
    principals: Sequence[str] | None
    # past their time, although nobody has removed them yet; None: too many to name
    expired_documents: Sequence[int] | None = ()
    # what the query itself demands: phrases in quotes, words left out
    words: WordCondition | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether every row of the space passes."""
        has_expired = self.expired_documents is None or bool(self.expired_documents)
        is_filtered = self.filter.condition is not None
        is_free = self.principals is None and self.words is None
        return is_free and not (is_filtered or has_expired)

    @property
    def owners(self) -> Sequence[int] | None:
        """Return the only rows that may pass, where they were looked up; None if not."""
        return None if self.words is None else self.words.owners

    @property
    def bare(self) -> "Restriction":
        """Return the same without what only helps indexes: for rows that are at hand."""
        return replace(self, filter=replace(self.filter, is_helpful=False))

    def predicate(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition over the columns of either index table."""
        conditions = [
            self.filter.predicate(table.c.attributes),
            access_predicate(table.c.access, self.principals),
        ]
        if self.words is not None:
            conditions.append(self.words.predicate(table))
        if self.expired_documents is None:
            # Of each row that comes into question its document is asked; as a join the planner
            # would compare with all documents first.
            expiry = select(DOCUMENTS.c.expires_at).where(DOCUMENTS.c.id == table.c.document_id)
            conditions.append(
                func.coalesce(expiry.scalar_subquery(), text("'infinity'")) > func.now()
            )
        elif self.expired_documents:
            conditions.append(table.c.document_id.not_in(self.expired_documents))
        return and_(*conditions)

    def looked_up(
        self, table: FromClause, served: LookUp | None, *, is_access_served: bool
    ) -> ColumnElement[bool]:
        """Return the condition of the rows that indexes hand out to be looked at.

        `served` is what they find of the filter; `is_access_served` says whether they find what
        somebody may see.
        """
        found = true() if served is None else filtering.looked_up(served, table.c.attributes)
        principals = self.principals if is_access_served else None
        return and_(found, access_predicate(table.c.access, principals))


EVERYTHING = Restriction(Filter(), None)


def place_of(table: FromClause, space: Space) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that pick the rows of a space."""
    # Both always: the shelf picks the partition, the space its rows there.
    return table.c.shelf_id == space.shelf_id, table.c.space_id == space.id
