"""The SQL that reads indexes into memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select, tablesample, text
from sqlalchemy.orm import Session

from embedhub.spaces.copies import IS_INDEXED
from embedhub.spaces.distance import indexed_distance
from embedhub.spaces.queries.shelf_ddl import SCHEMA
from embedhub.tables import Embedding, Space

DENSE = Embedding.__table__


def extension_state(session: Session) -> str:
    """Return how the extension pg_prewarm stands: installed, available or absent."""
    statement = text("""
        SELECT CASE WHEN installed_version IS NULL THEN 'available' ELSE 'installed' END
        FROM pg_available_extensions WHERE name = 'pg_prewarm'
    """)
    return session.execute(statement).scalar() or "absent"


def create_extension(connection: Connection) -> None:
    """Install pg_prewarm in this database."""
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_prewarm"))


def indexed_spaces(session: Session) -> Sequence[Space]:
    """Return the spaces whose HNSW index answers, those of the collections searched last first."""
    ids = session.execute(
        text("""
            WITH searched AS (
              SELECT unnest(collection_ids) AS collection_id, max(created_at) AS last
              FROM search_log WHERE created_at > now() - interval '7 days' GROUP BY 1)
            SELECT s.id FROM spaces s LEFT JOIN searched USING (collection_id)
            WHERE s.kind = 'dense' AND s.status = 'live' AND s.is_indexed AND s.shelf_id <> 0
            ORDER BY searched.last DESC NULLS LAST, s.id
        """)
    ).scalars()
    by_id = {id_: place for place, id_ in enumerate(ids)}
    found = session.execute(select(Space).where(Space.id.in_(by_id))).scalars()
    return sorted(found, key=lambda space: by_id[space.id])


def index_bytes(session: Session, index: str) -> int:
    """Return the size of an index, 0 if there is none."""
    statement = text("SELECT coalesce(pg_relation_size(to_regclass(:name)), 0)")
    return int(session.execute(statement, {"name": f"{SCHEMA}.{index}"}).scalar_one())


def prewarm(session: Session, index: str) -> None:
    """Read an index into Postgres' own memory."""
    session.execute(text("SELECT pg_prewarm(:name)"), {"name": f"{SCHEMA}.{index}"})


def some_vectors(session: Session, space: Space, *, n: int) -> list[NDArray[np.float32]]:
    """Return about so many vectors from all over a space's own shelf."""
    total = session.execute(
        text("SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = to_regclass(:name)"),
        {"name": f"{SCHEMA}.embeddings_{space.shelf_id}"},
    ).scalar_one()
    sampled = tablesample(DENSE, func.system(min(100.0, 200.0 * n / total)), name="sampled")
    statement = (
        select(sampled.c.vector)
        .where(sampled.c.shelf_id == space.shelf_id, sampled.c.space_id == space.id)
        .order_by(func.random())
        .limit(n)
    )
    return list(session.execute(statement).scalars())


def probe(session: Session, space: Space, vector: NDArray[np.float32], *, limit: int) -> int:
    """Search the index for the nearest of a vector, reading their rows too; return how many."""
    session.execute(
        text("""
            SELECT set_config('hnsw.ef_search', :ef, true),
                   set_config('enable_seqscan', 'off', true)
        """),
        {"ef": str(limit)},
    )
    distance = indexed_distance(
        DENSE.c.vector, vector, space.metric, space.precision, space.dimension
    )
    statement = (
        select(DENSE.c.owner_id, DENSE.c.document_id)
        .where(DENSE.c.shelf_id == space.shelf_id, DENSE.c.space_id == space.id, text(IS_INDEXED))
        .order_by(distance)
        .limit(limit)
    )
    return len(session.execute(statement).all())
