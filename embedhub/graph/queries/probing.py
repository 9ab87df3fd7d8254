"""The SQL of probes: rows near a vector, and near each of many rows, by the HNSW index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    FromClause,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.orm import Session

from embedhub.graph.subject import Level
from embedhub.search.access import access_predicate
from embedhub.spaces.copies import DELEGATE, INDEXED_COPIES
from embedhub.spaces.distance import QueryVector, exact_distance, indexed_distance
from embedhub.tables import Embedding, Space

ROWS: FromClause = Embedding.__table__
QUERY: BindParameter[Any] = bindparam("query", type_=QueryVector)


def nearest_documents(
    session: Session,
    space: Space,
    vector: NDArray[np.float32],
    *,
    limit: int,
    principals: Sequence[str] | None,
) -> list[int]:
    """Return the documents whose mean vectors are nearest, by comparing all of a space."""
    mean = func.avg(ROWS.c.vector)
    statement = (
        select(ROWS.c.document_id)
        .where(
            ROWS.c.shelf_id == space.shelf_id,
            ROWS.c.space_id == space.id,
            ROWS.c.document_id.is_not(None),
            access_predicate(ROWS.c.access, principals),
        )
        .group_by(ROWS.c.document_id)
        .order_by(exact_distance(mean, QUERY, "cosine"), ROWS.c.document_id)
        .limit(limit)
    )
    return list(session.execute(statement, {"query": vector}).scalars())


def probe_rows(
    session: Session, space: Space, level: str, ids: Sequence[int], *, limit: int, ef_search: int
) -> list[tuple[int, int]]:
    """Return (row, near row) pairs: for each of these rows, those the HNSW index finds near it.

    Of documents the near ones are those with a passage near the mean. Rows that the index does
    not hold, for being copies of others, are found with those they are copies of.
    """
    session.execute(
        text("""
            SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
                   set_config('hnsw.ef_search', :ef_search, true),
                   set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)
        """),
        {"ef_search": str(max(ef_search, limit))},
    )
    asked = _asked(space, level).subquery("asked")
    rough = indexed_distance(
        ROWS.c.vector, asked.c.vector, space.metric, space.precision, space.dimension
    )
    near = (
        select(ROWS.c.owner_id, ROWS.c.document_id, ROWS.c.copy, ROWS.c.input_hash)
        .where(
            ROWS.c.shelf_id == space.shelf_id,
            ROWS.c.space_id == space.id,
            ROWS.c.copy < literal_column(str(INDEXED_COPIES)),
        )
        .order_by(rough)
        .limit(limit)
        .lateral("near")
    )
    statement = select(asked.c.id, near).select_from(asked).join(near, true())
    found = session.execute(statement, {"ids": list(ids)}).all()
    session.execute(
        text(
            "SELECT set_config('enable_sort', 'on', true), set_config('enable_seqscan', 'on', true)"
        )
    )
    is_document = level == Level.DOCUMENT
    pairs = [(row.id, row.document_id if is_document else row.owner_id) for row in found]
    led: dict[bytes, list[int]] = {}
    for row in found:
        if row.copy == DELEGATE:
            led.setdefault(bytes(row.input_hash), []).append(row.id)
    if led:
        for input_hash, near_id in _hidden(session, space, level, sorted(led), limit=limit):
            pairs += [(row_id, near_id) for row_id in led[input_hash]]
    return pairs


def _asked(space: Space, level: str) -> Any:
    """Return the query of (id, vector) of the rows to be probed for."""
    wanted = func.any(cast(bindparam("ids"), ARRAY(BigInteger)))
    own = ROWS.alias("own")
    place = (own.c.shelf_id == space.shelf_id, own.c.space_id == space.id)
    if level != Level.DOCUMENT:
        return select(own.c.owner_id.label("id"), own.c.vector).where(
            *place, own.c.owner_id == wanted
        )
    return (
        select(own.c.document_id.label("id"), func.avg(own.c.vector).label("vector"))
        .where(*place, own.c.document_id == wanted)
        .group_by(own.c.document_id)
    )


def _hidden(
    session: Session, space: Space, level: str, hashes: Sequence[bytes], *, limit: int
) -> list[tuple[bytes, int]]:
    """Return (input hash, row) of some rows of each input that the index does not hold."""
    one = "document_id" if level == Level.DOCUMENT else "owner_id"
    statement = text(f"""
        SELECT h.input_hash, found.{one}
        FROM unnest(CAST(:hashes AS bytea[])) AS h (input_hash) CROSS JOIN LATERAL (
          SELECT e.owner_id, e.document_id FROM embeddings e
          WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id
            AND e.input_hash = h.input_hash AND e.copy >= {INDEXED_COPIES}
          ORDER BY e.copy, e.owner_id LIMIT :limit) found
    """)
    facts = {
        "shelf_id": space.shelf_id,
        "space_id": space.id,
        "hashes": list(hashes),
        "limit": limit,
    }
    return [(bytes(row[0]), row[1]) for row in session.execute(statement, facts)]
