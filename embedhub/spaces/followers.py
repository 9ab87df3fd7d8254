"""What is made of vectors: items placed among factors by what their texts say, and graphs.

A row of such a space carries the input hash of the row it was made of, and is made again when that
changes. Rows that were learned carry a short hash of their own and are left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub import jobs
from embedhub.jobs import Job
from embedhub.spaces.queries import followers as queries
from embedhub.tables import Space

# A hash of a content is longer.
LEARNED_HASH_BYTES = queries.LEARNED_HASH_BYTES


@dataclass(frozen=True, slots=True)
class Stale:
    """Owners whose row in the following space is missing or outdated, with what to make it of."""

    owner_ids: list[int]
    hashes: list[bytes]
    vectors: NDArray[np.float32]


def ring_for_followers(session: Session, space_ids: Sequence[int]) -> None:
    """Have items placed after the vectors of their texts were stored, where something follows."""
    for catalog_id in queries.catalogs_with_followers(session, space_ids=space_ids):
        jobs.enqueue(session, Job.PLACE_ITEMS, catalog_id=catalog_id)


def ring_for_graphs(session: Session, space_ids: Sequence[int]) -> None:
    """Have graphs of neighbors followed after their vectors were stored or removed."""
    for graph_id in queries.live_graphs(session, space_ids=space_ids):
        jobs.enqueue(session, Job.FOLLOW, graph_id=graph_id)


def stale_owners(session: Session, leader: Space, follower: Space, *, limit: int) -> Stale:
    """Return some owners whose vector in `follower` is not made of the one in `leader`."""
    rows = queries.stale_rows(session, leader=leader, follower=follower, limit=limit)
    return Stale(
        owner_ids=[owner_id for owner_id, _, _ in rows],
        hashes=[input_hash for _, input_hash, _ in rows],
        vectors=np.array([vector for _, _, vector in rows], dtype=np.float32).reshape(
            len(rows), leader.dimension
        ),
    )
