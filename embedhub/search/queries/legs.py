"""The SQL of the two legs: candidates of one space that somebody may see and a filter lets pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector import SparseVector
from pgvector.sqlalchemy import SPARSEVEC
from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Select,
    and_,
    cast,
    func,
    literal,
    select,
    tablesample,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.search.dense import BIT_OVERSAMPLING, Sample
from embedhub.search.filters import Filter
from embedhub.search.fusion import Candidate
from embedhub.search.lexical import Term
from embedhub.search.queries.lexical_index import PLACE
from embedhub.spaces.distance import Precision, exact_distance, indexed_distance, score_of
from embedhub.tables import Embedding, Space, SparseEmbedding
from embedhub.tables.spaces import SPARSE_DIMENSIONS

# The tables and not the mapped classes: a query for plain columns runs without the ORM's share.
DENSE: FromClause = Embedding.__table__
SPARSE: FromClause = SparseEmbedding.__table__

ANALYSE_QUERY = text(f"""
    WITH asked AS MATERIALIZED (
      SELECT lexeme FROM unnest(to_tsvector(CAST(:configuration AS regconfig), :query)))
    SELECT lexeme, {PLACE.format(lexeme="lexeme")},
           (SELECT coalesce(CAST(sum(t.delta) AS bigint), 0) FROM term_deltas t
            WHERE t.space_id = :space_id AND t.lexeme = asked.lexeme),
           (SELECT coalesce(CAST(sum(rows) AS bigint), 0) FROM size_deltas
            WHERE space_id = :space_id)
    FROM asked
""")


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a row must fulfil beside belonging to the space."""

    filter: Filter
    principals: Sequence[str] | None
    # past their time, although nobody has removed them yet
    expired_documents: Sequence[int] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether every row of the space passes."""
        return not self.filter.jsonpath and self.principals is None and not self.expired_documents

    def predicate(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition over the columns of either index table."""
        conditions = [
            self.filter.predicate(table.c.attributes),
            access_predicate(table.c.access, self.principals),
        ]
        if self.expired_documents:
            conditions.append(table.c.document_id.not_in(self.expired_documents))
        return and_(*conditions)


@dataclass(frozen=True, slots=True)
class LexicalCandidates:
    """The best candidates, and which groups of terms were taken in full."""

    candidates: list[Candidate]
    n_scored: int
    last_tier: int


def count_terms(
    session: Session, *, space_id: int, configuration: str, query: str
) -> tuple[dict[str, tuple[int, int]], int]:
    """Return each lexeme of a prepared query with its place and row count, and the space's rows."""
    facts = {"space_id": space_id, "configuration": configuration, "query": query}
    rows = session.execute(ANALYSE_QUERY, facts).all()
    counts = {lexeme: (place, n_rows) for lexeme, place, n_rows, _ in rows}
    return counts, rows[0][3] if rows else 0


def lexical_scan(
    session: Session,
    *,
    space: Space,
    query: dict[int, float],
    restriction: Restriction,
    limit: int,
) -> list[Candidate]:
    """Return the best rows of a space by scoring every one that passes: right for small spaces."""
    distance = _lexical_distance(query).label("distance")
    nearest = (
        select(SPARSE.c.owner_id, SPARSE.c.document_id, distance)
        .where(*_place(SPARSE, space), restriction.predicate(SPARSE))
        .order_by(distance, SPARSE.c.owner_id)
        .limit(limit)
        .subquery()
    )
    # A row without any of the words scores 0; cutting it off after the sort costs nothing.
    statement = select(nearest).where(nearest.c.distance < 0)
    return [
        Candidate(chunk_id, document_id, -distance)
        for chunk_id, document_id, distance in session.execute(statement)
    ]


def lexical_candidates(
    session: Session,
    *,
    space: Space,
    query: dict[int, float],
    tiers: Sequence[Sequence[Term]],
    restriction: Restriction,
    cap: int,
    limit: int,
) -> LexicalCandidates:
    """Return the best of at most `cap` rows that pass, found by the index on their terms.

    Rows are taken tier by tier; a later tier's statement runs only while the cap is not reached.
    """
    branches = _tier_branches(space, query, tiers, restriction)
    found = union_all(*branches).limit(cap).cte("found").prefix_with("MATERIALIZED")
    statement = (
        select(
            found.c.owner_id,
            found.c.document_id,
            found.c.distance,
            select(func.count()).select_from(found).scalar_subquery(),
            select(func.max(found.c.tier)).scalar_subquery(),
        )
        .order_by(found.c.distance, found.c.owner_id)
        .limit(limit)
    )
    rows = session.execute(statement).all()
    return LexicalCandidates(
        candidates=[Candidate(row[0], row[1], -row[2]) for row in rows],
        n_scored=rows[0][3] if rows else 0,
        last_tier=rows[0][4] if rows else len(tiers) - 1,
    )


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
        .where(*_place(DENSE, space), restriction.predicate(DENSE))
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
        select(DENSE.c.owner_id, DENSE.c.document_id, exact)
        .where(*_place(DENSE, space), restriction.predicate(DENSE))
        .order_by(rough)
        .limit(n_rough)
        .cte("near")
        .prefix_with("MATERIALIZED")
    )
    statement = select(near).order_by(near.c.distance, near.c.owner_id).limit(limit)
    candidates = _dense_candidates(session, statement, space.metric)
    session.execute(text("SET LOCAL enable_sort = on"))
    return candidates


def sample_passing(
    session: Session, *, space: Space, restriction: Restriction, percent: float
) -> Sample:
    """Return what a random part of the pages of a space's own shelf shows about a restriction."""
    sampled = tablesample(DENSE, func.system(percent), name="sampled")
    statement = select(func.count(), func.count().filter(restriction.predicate(sampled))).where(
        *_place(sampled, space)
    )
    n_rows, n_passing = session.execute(statement).one()
    return Sample(n_rows, n_passing)


def count_passing(session: Session, *, space: Space, restriction: Restriction, at_most: int) -> int:
    """Return how many rows of a space pass; counting stops at `at_most`."""
    passing = (
        select(DENSE.c.owner_id)
        .where(*_place(DENSE, space), restriction.predicate(DENSE))
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


def _place(table: FromClause, space: Space) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    # Both always: the shelf picks the partition, the space its rows there.
    return table.c.shelf_id == space.shelf_id, table.c.space_id == space.id


def _tier_branches(
    space: Space,
    query: dict[int, float],
    tiers: Sequence[Sequence[Term]],
    restriction: Restriction,
) -> list[Select[tuple[int, int, int | None, float]]]:
    """Return one statement a tier, each without the rows of the tiers before it."""
    taken: list[Term] = []
    branches: list[Select[tuple[int, int, int | None, float]]] = []
    for position, tier in enumerate(tiers):
        conditions = [
            *_place(SPARSE, space),
            restriction.predicate(SPARSE),
            SPARSE.c.terms.op("@@")(_any_of(tier)),
        ]
        if taken:
            conditions.append(~SPARSE.c.terms.op("@@")(_any_of(taken)))
        taken.extend(tier)
        branches.append(
            select(
                literal(position).label("tier"),
                SPARSE.c.owner_id,
                SPARSE.c.document_id,
                _lexical_distance(query).label("distance"),
            ).where(*conditions)
        )
    return branches


def _lexical_distance(query: dict[int, float]) -> ColumnElement[float]:
    sparse = SPARSEVEC(SPARSE_DIMENSIONS)
    # The Python class counts places from 0, the text form and our hashes from 1.
    vector = SparseVector({place - 1: weight for place, weight in query.items()}, SPARSE_DIMENSIONS)
    asked = cast(literal(vector, sparse), sparse)
    distance: ColumnElement[float] = SPARSE.c.weights.op("<#>", return_type=Float())(asked)
    return distance


def _any_of(terms: Sequence[Term]) -> ColumnElement[str]:
    quoted = (term.lexeme.replace("\\", "\\\\").replace("'", "''") for term in terms)
    return cast(" | ".join(f"'{lexeme}'" for lexeme in quoted), TSQUERY)


def _dense_candidates(
    session: Session, statement: Select[tuple[int, int | None, float]], metric: str
) -> list[Candidate]:
    return [
        Candidate(chunk_id, document_id, score_of(distance, metric))
        for chunk_id, document_id, distance in session.execute(statement)
    ]
