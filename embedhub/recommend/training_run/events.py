"""What users did, out of the database and into arrays: which events count, and how much.

An event counts its type's weight times its value. Unwelcome ones (a negative weight) take back what
the user did with the item before; they are not learned from beyond that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from embedhub.recommend.interactions import Integers, Interactions, Mask
from embedhub.recommend.training_run.queries import events as queries
from embedhub.recommend.training_run.queries.events import EventRows


@dataclass(frozen=True)
class CatalogEvents:
    """Events of a catalog by position: `user_ids` and `item_ids` lead back to the rows.

    `last_id` is the newest interaction that was read, of any type that weighs something.
    """

    events: Interactions
    user_ids: Integers
    item_ids: Integers
    n_read: int
    last_id: int


def read_events(
    session: Session, *, catalog_id: int, weights: Mapping[str, float], at_most: int
) -> CatalogEvents:
    """Return what counts of the latest `at_most` interactions of a catalog, in written order."""
    types = [name for name, weight in sorted(weights.items()) if weight]
    after = queries.id_before_latest(session, catalog_id=catalog_id, n=at_most)
    parts = (
        queries.stream_events(session, catalog_id=catalog_id, types=types, after=after)
        if types
        else ()
    )
    return gather(parts, [weights[name] for name in types])


def gather(parts: Iterable[EventRows], weights: list[float]) -> CatalogEvents:
    """Return rows as one, numbered by position, in written order; pure."""
    kept = list(parts)
    ids = _joined([part.ids for part in kept])
    users = _joined([part.users for part in kept])
    items = _joined([part.items for part in kept])
    types = _joined([part.types for part in kept])
    values = _joined([part.values for part in kept]).astype(np.float64)
    times = _joined([part.times for part in kept]).astype(np.float64)
    del kept
    amounts = np.asarray(weights, dtype=np.float64)[types] * values if len(ids) else values
    order = np.argsort(ids, kind="stable")
    counted = order[counts(users[order], items[order], times[order], amounts[order])]
    user_ids, user_at = np.unique(users[counted], return_inverse=True)
    item_ids, item_at = np.unique(items[counted], return_inverse=True)
    return CatalogEvents(
        events=Interactions(
            users=user_at.astype(np.int64),
            items=item_at.astype(np.int64),
            values=amounts[counted],
            times=times[counted],
            n_users=len(user_ids),
            n_items=len(item_ids),
        ),
        user_ids=user_ids,
        item_ids=item_ids,
        n_read=len(ids),
        last_id=int(ids.max()) if len(ids) else 0,
    )


def _joined(parts: list[Any]) -> Any:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def counts(users: Integers, items: Integers, times: np.ndarray, amounts: np.ndarray) -> Mask:
    """Return which events count: welcome ones with no unwelcome one of the same pair after; pure.

    Events are in written order, which decides between those of one time.
    """
    welcome = np.asarray(amounts > 0)
    if welcome.all():
        return welcome
    written = np.arange(len(users))
    order = np.lexsort((written, times, items, users))
    begins = np.ones(len(users), dtype=bool)
    begins[1:] = (users[order][1:] != users[order][:-1]) | (items[order][1:] != items[order][:-1])
    pair = np.cumsum(begins) - 1
    place = np.arange(len(users))
    # The place of the last unwelcome event of each pair; what stands behind it counts.
    last = np.full(int(pair[-1]) + 1, -1)
    unwelcome = ~welcome[order]
    np.maximum.at(last, pair[unwelcome], place[unwelcome])
    stays = np.empty(len(users), dtype=bool)
    stays[order] = place > last[pair]
    return np.asarray(welcome & stays)
