"""The SQL of the dense leg: the nearest rows of one space, exactly or by its HNSW index."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import FromClause, Select, select, text
from sqlalchemy.orm import Session

from embedhub.search.dense import BIT_OVERSAMPLING, DenseChoice
from embedhub.search.fusion import Candidate
from embedhub.search.queries.explaining import scanned_rows
from embedhub.search.queries.restriction import Restriction, place_of
from embedhub.search.queries.siblings import answers, in_index, with_siblings
from embedhub.spaces.distance import Precision, exact_distance, indexed_distance, score_of
from embedhub.tables import Embedding, Space

# The table and not the mapped class: a query for plain columns runs without the ORM's share.
DENSE: FromClause = Embedding.__table__
DENSE_TABLE = Embedding.__tablename__


def dense_exact(
    session: Session,
    *,
    space: Space,
    query: NDArray[np.float32],
    restriction: Restriction,
    limit: int,
) -> list[Candidate]:
    """Return the nearest rows that pass, by comparing all of them: no index can be taken."""
    asked = DenseQuery(space, query, restriction, limit)
    return _candidates(session, _exact(asked), space.metric)


def exact_scanned(session: Session, asked: "DenseQuery") -> int:
    """Return how many rows exact search really looks at."""
    return scanned_rows(session, _exact(asked), DENSE_TABLE)


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """A vector and how many rows near it are wanted, in a space and under a restriction."""

    space: Space
    vector: NDArray[np.float32]
    restriction: Restriction
    limit: int


def dense_hnsw(session: Session, asked: DenseQuery, choice: DenseChoice) -> list[Candidate]:
    """Return near rows that pass, by the space's HNSW index, sorted by their exact distance."""
    with _scanning(session, choice):
        return _candidates(session, _hnsw(asked), asked.space.metric)


def hnsw_scanned(session: Session, asked: DenseQuery, choice: DenseChoice) -> int:
    """Return how many rows the scan of the HNSW index really hands out, and copies of them."""
    with _scanning(session, choice):
        return scanned_rows(session, _hnsw(asked), DENSE_TABLE)


@contextmanager
def _scanning(session: Session, choice: DenseChoice) -> Iterator[None]:
    # Relaxed order goes on past rows that are dead or do not pass; without the sort the planner
    # cannot prefer fetching all that pass and sorting them, which it guesses to be few.
    session.execute(
        text("""
            SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
                   set_config('hnsw.ef_search', :ef_search, true),
                   set_config('hnsw.max_scan_tuples', :max_scan_tuples, true),
                   set_config('hnsw.scan_mem_multiplier', :memory, true),
                   set_config('enable_sort', 'off', true)
        """),
        {
            "ef_search": str(choice.ef_search),
            "max_scan_tuples": str(choice.max_scan_tuples),
            "memory": str(choice.memory_multiple),
        },
    )
    yield
    session.execute(text("SET LOCAL enable_sort = on"))


def _exact(asked: DenseQuery) -> Select[Any]:
    space = asked.space
    distance = exact_distance(DENSE.c.vector, asked.vector, space.metric).label("distance")
    return (
        select(DENSE.c.owner_id, DENSE.c.document_id, distance)
        .where(*place_of(DENSE, space), asked.restriction.predicate(DENSE))
        .order_by(distance, DENSE.c.owner_id)
        .limit(asked.limit)
    )


def _hnsw(asked: DenseQuery) -> Select[Any]:
    space, query, restriction, limit = asked.space, asked.vector, asked.restriction, asked.limit
    rough = indexed_distance(DENSE.c.vector, query, space.metric, space.precision)
    exact = exact_distance(DENSE.c.vector, query, space.metric).label("distance")
    n_rough = limit * BIT_OVERSAMPLING if space.precision == Precision.BIT else limit
    near = (
        select(DENSE.c.owner_id, DENSE.c.document_id, exact, DENSE.c.copy, DENSE.c.input_hash)
        .where(*place_of(DENSE, space), in_index(DENSE), answers(space, restriction))
        .order_by(rough)
        .limit(n_rough)
        .cte("near")
        .prefix_with("MATERIALIZED")
    )
    return with_siblings(near, space=space, query=query, restriction=restriction, limit=limit)


def rows_by_statistics(session: Session, shelf_id: int) -> int:
    """Return about how many vectors a shelf holds, as the planner believes."""
    statement = text("""
        SELECT CAST(greatest(reltuples, 0) AS bigint) FROM pg_class
        WHERE oid = to_regclass('vectors.embeddings_' || CAST(:shelf_id AS text))
    """)
    return session.execute(statement, {"shelf_id": shelf_id}).scalar() or 0


def _candidates(session: Session, statement: Select[Any], metric: str) -> list[Candidate]:
    return [
        Candidate(chunk_id, document_id, score_of(distance, metric))
        for chunk_id, document_id, distance in session.execute(statement)
    ]
