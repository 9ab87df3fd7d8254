"""The SQL of the dense leg: the nearest rows of one space, exactly or by its HNSW index."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, FromClause, Integer, Select, bindparam, select, text
from sqlalchemy.orm import Session

from embedhub.direct import Question, ask, written
from embedhub.search.dense import DenseChoice, n_candidates
from embedhub.search.fusion import Candidate
from embedhub.search.queries.explaining import scanned_rows
from embedhub.search.queries.restriction import (
    ANY_SPACE,
    EVERYTHING,
    MAX_KEPT,
    Restriction,
    place_of,
)
from embedhub.search.queries.siblings import answers, in_index, with_siblings
from embedhub.spaces.distance import (
    QueryVector,
    as_text,
    exact_distance,
    indexed_distance,
    score_of,
)
from embedhub.tables import Embedding, Space

# The table and not the mapped class: a query for plain columns runs without the ORM's share.
DENSE: FromClause = Embedding.__table__
DENSE_TABLE = Embedding.__tablename__
QUERY: BindParameter[Any] = bindparam("query", type_=QueryVector)
LIMIT: BindParameter[int] = bindparam("limit", type_=Integer)
# Run by every search: made once.
SCAN = text("""
    SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
           set_config('hnsw.ef_search', :ef_search, true),
           set_config('hnsw.max_scan_tuples', :max_scan_tuples, true),
           set_config('hnsw.scan_mem_multiplier', :memory, true),
           set_config('enable_sort', 'off', true)
""")
SCANNED = text("SET LOCAL enable_sort = on")
ESTIMATED_ROWS = text("""
    SELECT CAST(greatest(reltuples, 0) AS bigint) FROM pg_class
    WHERE oid = to_regclass('vectors.embeddings_' || CAST(:shelf_id AS text))
""")


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
    if restriction.is_empty:
        return ask(session, _asked(_exact_of_all(space.metric), asked))
    return _candidates(session, _exact(asked), asked)


def exact_scanned(session: Session, asked: "DenseQuery") -> int:
    """Return how many rows exact search really looks at."""
    return scanned_rows(session, _exact(asked), DENSE_TABLE, asked.facts)


class Shape(NamedTuple):
    """What of a space its statement depends on, beside its place."""

    metric: str
    precision: str
    dimension: int


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """A vector and how many rows near it are wanted, in a space and under a restriction."""

    space: Space
    vector: NDArray[np.float32]
    restriction: Restriction
    limit: int

    @property
    def facts(self) -> dict[str, Any]:
        """The parameters of the statements."""
        space = self.space
        return {"query": self.vector, "space_id": space.id, "shelf_id": space.shelf_id}


def dense_hnsw(session: Session, asked: DenseQuery, choice: DenseChoice) -> list[Candidate]:
    """Return near rows that pass, by the space's HNSW index, sorted by their exact distance."""
    with _scanning(session, choice):
        return _candidates(session, _hnsw(asked), asked)


def hnsw_scanned(session: Session, asked: DenseQuery, choice: DenseChoice) -> int:
    """Return how many rows the scan of the HNSW index really hands out, and copies of them."""
    with _scanning(session, choice):
        return scanned_rows(session, _hnsw(asked), DENSE_TABLE, asked.facts)


@contextmanager
def _scanning(session: Session, choice: DenseChoice) -> Iterator[None]:
    # Relaxed order goes on past rows that are dead or do not pass; without the sort the planner
    # cannot prefer fetching all that pass and sorting them, which it guesses to be few.
    session.execute(
        SCAN,
        {
            "ef_search": str(choice.ef_search),
            "max_scan_tuples": str(choice.max_scan_tuples),
            "memory": str(choice.memory_multiple),
        },
    )
    yield
    session.execute(SCANNED)


def _exact(asked: DenseQuery) -> Select[Any]:
    return _exact_near(asked.space.metric, asked.restriction, asked.limit)


def _hnsw(asked: DenseQuery) -> Select[Any]:
    space = asked.space
    shape = Shape(space.metric, space.precision, space.dimension)
    if asked.restriction.is_empty:
        return _hnsw_of_all(shape, asked.limit)
    # Rows come from the vector index, whatever other indexes could find.
    return _hnsw_near(shape, asked.restriction.bare, asked.limit)


@lru_cache(maxsize=MAX_KEPT)
def _exact_of_all(metric: str) -> bytes:
    return written(_exact_near(metric, EVERYTHING, LIMIT))


@lru_cache(maxsize=MAX_KEPT)
def _hnsw_of_all(shape: Shape, limit: int) -> Select[Any]:
    return _hnsw_near(shape, EVERYTHING, limit)


def _exact_near(
    metric: str, restriction: Restriction, limit: int | BindParameter[int]
) -> Select[Any]:
    distance = exact_distance(DENSE.c.vector, QUERY, metric).label("distance")
    return (
        select(DENSE.c.owner_id, DENSE.c.document_id, distance)
        .where(*place_of(DENSE, ANY_SPACE), restriction.predicate(DENSE))
        .order_by(distance, DENSE.c.owner_id)
        .limit(limit)
    )


def _hnsw_near(shape: Shape, restriction: Restriction, limit: int) -> Select[Any]:
    rough = indexed_distance(DENSE.c.vector, QUERY, *shape)
    exact = exact_distance(DENSE.c.vector, QUERY, shape.metric).label("distance")
    near = (
        select(DENSE.c.owner_id, DENSE.c.document_id, exact, DENSE.c.copy, DENSE.c.input_hash)
        .where(*place_of(DENSE, ANY_SPACE), in_index(DENSE), answers(ANY_SPACE, restriction))
        .order_by(rough)
        .limit(n_candidates(limit, shape.precision))
        .cte("near")
        .prefix_with("MATERIALIZED")
    )
    distance = partial(exact_distance, query=QUERY, metric=shape.metric)
    return with_siblings(
        near, space=ANY_SPACE, distance=distance, restriction=restriction, limit=limit
    )


def rows_by_statistics(session: Session, shelf_id: int) -> int:
    """Return about how many vectors a shelf holds, as the planner believes."""
    return session.execute(ESTIMATED_ROWS, {"shelf_id": shelf_id}).scalar() or 0


def _candidates(session: Session, statement: Select[Any], asked: DenseQuery) -> list[Candidate]:
    return _read(session.execute(statement, asked.facts).all(), asked.space.metric)


def _asked(sql: bytes, asked: DenseQuery) -> Question[list[Candidate]]:
    facts = asked.facts | {"query": as_text(asked.vector), "limit": asked.limit}
    return Question(sql, facts, partial(_read, metric=asked.space.metric))


def _read(rows: Sequence[Any], metric: str) -> list[Candidate]:
    return [
        Candidate(chunk_id, document_id, score_of(distance, metric))
        for chunk_id, document_id, distance in rows
    ]
