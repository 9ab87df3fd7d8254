"""The SQL of click rates: impressions against interactions, with intervals.

Three counts stand beside each other: items shown, lists shown, and people. What one person sees is
alike, so items and lists of one are not independent and their intervals too narrow; people are what
an experiment draws by, and what it is decided by.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

# of the normal distribution, for 95 %
Z = 1.959963984540054

# An interaction that names its list is a click on what that list showed. One that names none is a
# click on what its user was shown last of the item, within the time that counts.
RATES = text(f"""
    WITH shown AS (
      SELECT request_id, position, user_id, item_id, placement, variant, shown_at
      FROM impressions
      WHERE workspace_id = :workspace_id AND catalog_id = :catalog_id
        AND shown_at >= :since AND shown_at < :until
        AND (CAST(:placement AS text) IS NULL OR placement = :placement)
        AND (CAST(:variants AS text[]) IS NULL OR variant = ANY(:variants))
    ), clicked AS (
      SELECT s.request_id, s.position
      FROM shown s
      JOIN interactions i ON i.request_id = s.request_id AND i.item_id = s.item_id
      WHERE i.catalog_id = :catalog_id AND i.type = ANY(:types)
      UNION
      (SELECT request_id, position FROM (
        SELECT DISTINCT ON (i.id) s.request_id, s.position
        FROM shown s
        JOIN interactions i ON i.user_id = s.user_id AND i.item_id = s.item_id
        WHERE i.catalog_id = :catalog_id AND i.type = ANY(:types) AND i.request_id IS NULL
          AND i.happened_at >= s.shown_at AND i.happened_at < s.shown_at + :within
        ORDER BY i.id, s.shown_at DESC
      ) AS last)
    ), counts AS (
      SELECT s.placement, s.variant,
             count(*) AS n_items, count(c.request_id) AS n_items_clicked,
             count(DISTINCT s.request_id) AS n_lists,
             count(DISTINCT c.request_id) AS n_lists_clicked,
             count(DISTINCT s.user_id) AS n_people,
             count(DISTINCT s.user_id) FILTER (WHERE c.request_id IS NOT NULL)
               AS n_people_clicked
      FROM shown s LEFT JOIN clicked c USING (request_id, position)
      GROUP BY s.placement, s.variant
    ), rates AS (
      SELECT placement, variant, unit, n, clicked, clicked / n::float8 AS rate,
             -- Wilson's score interval
             greatest(0, (middle - half) / whole) AS low, least(1, (middle + half) / whole) AS high
      FROM counts
      CROSS JOIN LATERAL (VALUES ('items', n_items, n_items_clicked),
                                 ('lists', n_lists, n_lists_clicked),
                                 ('people', n_people, n_people_clicked)) AS units(unit, n, clicked)
      CROSS JOIN LATERAL (
        SELECT clicked / n::float8 + {Z}^2 / (2 * n) AS middle, 1 + {Z}^2 / n AS whole,
               {Z} * sqrt((clicked / n::float8) * (1 - clicked / n::float8) / n
                          + {Z}^2 / (4 * n::float8 ^ 2)) AS half
        WHERE n > 0
      ) AS wilson
    )
    SELECT r.placement, r.variant, r.unit, r.n, r.clicked, r.rate, r.low, r.high,
           -- Newcombe's interval of the difference of two rates, made of their Wilson intervals
           r.rate - b.rate AS difference,
           r.rate - b.rate - sqrt((r.rate - r.low) ^ 2 + (b.high - b.rate) ^ 2) AS difference_low,
           r.rate - b.rate + sqrt((r.high - r.rate) ^ 2 + (b.rate - b.low) ^ 2) AS difference_high
    FROM rates r
    LEFT JOIN rates b ON b.placement = r.placement AND b.unit = r.unit
                     AND b.variant = :compared AND r.variant <> :compared
    ORDER BY r.placement, r.variant, r.unit
    LIMIT :limit
""")


class RateRow(NamedTuple):
    """A rate of one variant; the difference is to the variant compared with, None for itself.

    `unit` is items, lists or people.
    """

    placement: str
    variant: str
    unit: str
    n: int
    clicked: int
    rate: float
    low: float
    high: float
    difference: float | None
    difference_low: float | None
    difference_high: float | None


def rates(
    session: Session,
    *,
    workspace_id: int,
    catalog_id: int,
    since: datetime,
    until: datetime,
    types: Sequence[str],
    within: timedelta,
    placement: str | None = None,
    variants: Sequence[str] | None = None,
    compared: str = "",
    limit: int = 3_000,
) -> list[RateRow]:
    """Return how often what was shown was clicked, by placement and variant."""
    facts: dict[str, Any] = {
        "workspace_id": workspace_id,
        "catalog_id": catalog_id,
        "since": since,
        "until": until,
        "types": list(types),
        "within": within,
        "placement": placement,
        "variants": None if variants is None else list(variants),
        "compared": compared,
        "limit": limit,
    }
    return [RateRow(*row) for row in session.execute(RATES, facts).tuples()]
