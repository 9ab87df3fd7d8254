"""The SQL of vectors that are made of others: which are missing or outdated."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.tables import Embedding, Space

LEARNED_HASH_BYTES = 8


def catalogs_with_followers(session: Session, *, space_ids: Sequence[int]) -> list[int]:
    """Return the catalogs of these spaces of items that have another live one besides."""
    statement = text("""
        SELECT DISTINCT s.catalog_id FROM spaces s
        JOIN spaces f ON f.catalog_id = s.catalog_id AND f.id <> s.id
         AND f.subject = 'item' AND f.kind = 'dense' AND f.status = 'live'
        WHERE s.id = ANY(:ids) AND s.subject = 'item' AND s.kind = 'dense'
        ORDER BY s.catalog_id
    """)
    return list(session.execute(statement, {"ids": sorted(set(space_ids))}).scalars())


def live_graphs(session: Session, *, space_ids: Sequence[int]) -> list[int]:
    """Return the live graphs of neighbors that are made of these spaces' vectors."""
    statement = text("""
        SELECT id FROM graphs WHERE space_id = ANY(:ids) AND status = 'live' ORDER BY id
    """)
    return list(session.execute(statement, {"ids": sorted(set(space_ids))}).scalars())


def stale_rows(
    session: Session, *, leader: Space, follower: Space, limit: int
) -> list[tuple[int, bytes, NDArray[np.float32]]]:
    """Return (owner, input hash, vector) of leading rows whose follower is not made of them."""
    statement = text(f"""
        SELECT e.owner_id, e.input_hash, e.vector FROM embeddings e
        LEFT JOIN embeddings f ON f.shelf_id = :follower_shelf AND f.space_id = :follower_id
         AND f.owner_id = e.owner_id
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id
          AND (f.owner_id IS NULL OR (f.input_hash <> e.input_hash
               AND length(f.input_hash) <> {LEARNED_HASH_BYTES}))
        ORDER BY e.owner_id LIMIT :limit
    """).columns(vector=Embedding.vector.type)
    facts = {
        "shelf_id": leader.shelf_id,
        "space_id": leader.id,
        "follower_shelf": follower.shelf_id,
        "follower_id": follower.id,
        "limit": limit,
    }
    rows = session.execute(statement, facts)
    return [(owner_id, bytes(input_hash), vector) for owner_id, input_hash, vector in rows]
