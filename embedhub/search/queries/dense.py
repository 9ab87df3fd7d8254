"""The SQL of the dense leg: the nearest rows of one space, and how many rows pass."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import FromClause, Select, func, select, tablesample, text
from sqlalchemy.orm import Session

from embedhub.search.dense import BIT_OVERSAMPLING, Sample
from embedhub.search.fusion import Candidate
from embedhub.search.queries.restriction import Restriction, place_of
from embedhub.search.queries.siblings import answers, in_index, with_siblings
from embedhub.spaces.distance import Precision, exact_distance, indexed_distance, score_of
from embedhub.tables import Embedding, Space

# The table and not the mapped class: a query for plain columns runs without the ORM's share.
DENSE: FromClause = Embedding.__table__


def dense_exact(
    session: Session,
    *,
    space: Space,
    query: NDArray[np.float32],
    restriction: Restriction,
    limit: int,
) -> list[Candidate]:
    """Return the nearest rows that pass, by comparing all of them: no index can be taken."""
    distance = exact_distance(DENSE.c.vector, query, space.metric).label("distance")
    statement = (
        select(DENSE.c.owner_id, DENSE.c.document_id, distance)
        .where(*place_of(DENSE, space), restriction.predicate(DENSE))
        .order_by(distance, DENSE.c.owner_id)
        .limit(limit)
    )
    return _dense_candidates(session, statement, space.metric)


def dense_hnsw(
    session: Session,
    *,
    space: Space,
    query: NDArray[np.float32],
    restriction: Restriction,
    limit: int,
    ef_search: int,
) -> list[Candidate]:
    """Return near rows that pass, by the space's HNSW index, sorted by their exact distance."""
    # Relaxed order goes on past rows that are dead or do not pass; without the sort the planner
    # cannot prefer fetching all that pass and sorting them, which it guesses to be few.
    session.execute(
        text("""
            SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
                   set_config('hnsw.ef_search', :ef_search, true),
                   set_config('enable_sort', 'off', true)
        """),
        {"ef_search": str(ef_search)},
    )
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
    statement = with_siblings(near, space=space, query=query, restriction=restriction, limit=limit)
    candidates = _dense_candidates(session, statement, space.metric)
    session.execute(text("SET LOCAL enable_sort = on"))
    return candidates


def sample_passing(
    session: Session, *, space: Space, restriction: Restriction, percent: float
) -> Sample:
    """Return what a random part of the pages of a space's own shelf shows about a restriction."""
    sampled = tablesample(DENSE, func.system(percent), name="sampled")
    statement = select(func.count(), func.count().filter(restriction.predicate(sampled))).where(
        *place_of(sampled, space)
    )
    n_rows, n_passing = session.execute(statement).one()
    return Sample(n_rows, n_passing)


def count_passing(session: Session, *, space: Space, restriction: Restriction, at_most: int) -> int:
    """Return how many rows of a space pass; counting stops at `at_most`."""
    passing = (
        select(DENSE.c.owner_id)
        .where(*place_of(DENSE, space), restriction.predicate(DENSE))
        .limit(at_most)
        .subquery()
    )
    return session.execute(select(func.count()).select_from(passing)).scalar_one()


def rows_by_statistics(session: Session, shelf_id: int) -> int:
    """Return about how many vectors a shelf holds, as the planner believes."""
    statement = text("""
        SELECT CAST(greatest(reltuples, 0) AS bigint) FROM pg_class
        WHERE oid = to_regclass('vectors.embeddings_' || CAST(:shelf_id AS text))
    """)
    return session.execute(statement, {"shelf_id": shelf_id}).scalar() or 0


def _dense_candidates(
    session: Session, statement: Select[tuple[int, int | None, float]], metric: str
) -> list[Candidate]:
    return [
        Candidate(chunk_id, document_id, score_of(distance, metric))
        for chunk_id, document_id, distance in session.execute(statement)
    ]
