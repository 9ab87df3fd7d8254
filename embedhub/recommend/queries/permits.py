"""Which items a list may hold, as a condition over `items`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Text,
    and_,
    any_,
    cast,
    exists,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from embedhub.arrays import listed
from embedhub.recommend.request import Obstacle, Seen
from embedhub.search.access import access_predicate
from embedhub.search.filters import Filter
from embedhub.tables import Interaction, Item

ITEMS, INTERACTIONS = Item.__table__.c, Interaction.__table__.c
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Permit:
    """What an item must fulfil beside belonging to the catalog.

    `candidate_ids` None: every item. `excluded_ids` are examples and what the session has seen,
    `disliked_ids` what the user did not want. `user_id` None: nobody has seen anything.
    """

    workspace_id: int
    catalog_id: int
    now: datetime
    filter: Filter = field(default_factory=Filter)
    categories: tuple[str, ...] = ()
    principals: Sequence[str] | None = None
    candidate_ids: Sequence[int] | None = None
    excluded_ids: Sequence[int] = ()
    disliked_ids: Sequence[int] = ()
    user_id: int | None = None
    seen: Seen = field(default_factory=Seen)

    @property
    def predicate(self) -> Condition:
        """Return the condition."""
        return and_(of_catalog(self), *(each for _, each in self.demands()))

    @property
    def without_seen(self) -> Condition:
        """Return the condition without what the user has seen or did not want."""
        past = (Obstacle.SEEN, Obstacle.DISLIKED)
        return and_(of_catalog(self), *(each for what, each in self.demands() if what not in past))

    def demands(self) -> list[tuple[Obstacle, Condition]]:
        """Return each demand with what an item that fails it is told."""
        demands: list[tuple[Obstacle, Condition]] = [
            (Obstacle.HIDDEN, ~ITEMS.is_hidden),
            (Obstacle.NOT_AVAILABLE, self._is_available()),
        ]
        if self.principals is not None:
            demands.append((Obstacle.NO_ACCESS, access_predicate(ITEMS.access, self.principals)))
        if self.filter.condition is not None:
            demands.append((Obstacle.FILTERED, self.filter.predicate(ITEMS.index_attributes)))
        if self.categories:
            named = ITEMS.categories.op("&&", return_type=Boolean())(
                cast(list(self.categories), ARRAY(Text))
            )
            demands.append((Obstacle.CATEGORY, named))
        if self.candidate_ids is not None:
            demands.append((Obstacle.NOT_A_CANDIDATE, ITEMS.id == _any(self.candidate_ids)))
        if self.excluded_ids:
            demands.append((Obstacle.EXAMPLE, ~(ITEMS.id == _any(self.excluded_ids))))
        if self.disliked_ids:
            demands.append((Obstacle.DISLIKED, ~(ITEMS.id == _any(self.disliked_ids))))
        if self.user_id is not None and self.seen.is_excluded and self.seen.decay is None:
            demands.append((Obstacle.SEEN, ~self.has_seen()))
        return demands

    def has_seen(self) -> Condition:
        """Return whether the user has seen an item, as far as that counts."""
        seen = [INTERACTIONS.catalog_id == self.catalog_id, INTERACTIONS.user_id == self.user_id,
                INTERACTIONS.item_id == ITEMS.id]  # fmt: skip
        if self.seen.types is not None:
            seen.append(INTERACTIONS.type.in_(self.seen.types))
        if self.seen.within is not None:
            seen.append(INTERACTIONS.happened_at > self.now - self.seen.within)
        return exists().where(*seen)

    def _is_available(self) -> Condition:
        return and_(
            or_(ITEMS.available_from.is_(None), ITEMS.available_from <= self.now),
            or_(ITEMS.available_until.is_(None), ITEMS.available_until > self.now),
        )


def obstacles(session: Session, permit: Permit, item_id: int) -> list[Obstacle]:
    """Return every demand that an item of the catalog fails."""
    demands = permit.demands()
    # Operators on arrays are typed by what they compare.
    asked = (type_coerce(each, Boolean) for _, each in demands)
    statement = select(*asked).where(ITEMS.id == item_id, of_catalog(permit))
    row = session.execute(statement).one_or_none()
    if row is None:
        return [Obstacle.UNKNOWN]
    return [what for (what, _), holds in zip(demands, row, strict=True) if not holds]


def of_catalog(permit: Permit) -> Condition:
    """Return whether an item belongs to the catalog."""
    return and_(ITEMS.workspace_id == permit.workspace_id, ITEMS.catalog_id == permit.catalog_id)


def _any(ids: Sequence[int]) -> Any:
    return any_(listed(ids))
