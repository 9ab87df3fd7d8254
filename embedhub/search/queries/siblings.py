"""The SQL that finds copies of a vector of which the HNSW index holds only the first few.

The last indexed one, the delegate, is found for all that are hidden: it counts as passing if one of
them passes, and gives way to those of them that do.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    and_,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from embedhub.search.queries.restriction import Restriction, place_of
from embedhub.spaces.copies import DELEGATE, INDEXED_COPIES
from embedhub.tables import Embedding, Space

DENSE: FromClause = Embedding.__table__


Distance = Callable[[Any], ColumnElement[float]]


def in_index(table: FromClause) -> ColumnElement[bool]:
    """Return the condition of the partial index, word for word as the planner has to prove it."""
    return table.c.copy < literal_column(str(INDEXED_COPIES))


def answers(space: Space, restriction: Restriction) -> ColumnElement[bool]:
    """Return the condition for an indexed row that passes, or stands for one that does."""
    passes = restriction.predicate(DENSE)
    if restriction.is_empty:
        return passes
    hidden = DENSE.alias("hidden")
    # Not EXISTS: that the planner may turn into a list of all hidden rows that pass.
    stands_for_one = (
        select(true())
        .where(
            *place_of(hidden, space),
            ~in_index(hidden),
            hidden.c.input_hash == DENSE.c.input_hash,
            restriction.predicate(hidden),
        )
        .limit(1)
        .scalar_subquery()
    )
    # From left to right: whoever passes, and whoever is no delegate, costs no look at others.
    return or_(passes, and_(_is_delegate(DENSE), stands_for_one))


def with_siblings(
    near: CTE, *, space: Space, distance: Distance, restriction: Restriction, limit: int
) -> Select[tuple[int, int | None, float]]:
    """Return the nearest `limit` rows among those found and those that delegates stand for.

    `near` has owner_id, document_id, distance, copy and input_hash of rows that `answers` holds
    for. What comes out has the first three columns, nearest first.
    """
    led = select(near.c.input_hash).where(_is_delegate(near)).distinct().subquery("led")
    siblings = (
        select(
            DENSE.c.owner_id,
            DENSE.c.document_id,
            distance(DENSE.c.vector).label("distance"),
        )
        .where(
            *place_of(DENSE, space),
            # The delegate is one of them, and need not pass itself.
            DENSE.c.copy >= literal_column(str(DELEGATE)),
            DENSE.c.input_hash == led.c.input_hash,
            restriction.predicate(DENSE),
        )
        .order_by(DENSE.c.copy, DENSE.c.owner_id)
        .limit(limit)
        .lateral("siblings")
    )
    found = union_all(
        select(near.c.owner_id, near.c.document_id, near.c.distance).where(~_is_delegate(near)),
        select(siblings).select_from(led).join(siblings, true()),
    ).subquery("found")
    return select(found).order_by(found.c.distance, found.c.owner_id).limit(limit)


def _is_delegate(table: FromClause) -> ColumnElement[bool]:
    return table.c.copy == literal_column(str(DELEGATE))
