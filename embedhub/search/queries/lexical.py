"""The SQL of the lexical leg: rows of one space that hold words of a query, by BM25."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from pgvector import SparseVector
from pgvector.sqlalchemy import SPARSEVEC
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from embedhub.direct import Question, ask, written
from embedhub.search.fusion import Candidate
from embedhub.search.lexical import Term
from embedhub.search.queries.explaining import scanned_rows
from embedhub.search.queries.lexical_index import PLACE
from embedhub.search.queries.restriction import (
    ANY_SPACE,
    EVERYTHING,
    MAX_KEPT,
    Restriction,
    place_of,
)
from embedhub.tables import Space, SparseEmbedding
from embedhub.tables.spaces import SPARSE_DIMENSIONS

# The table and not the mapped class: a query for plain columns runs without the ORM's share.
SPARSE: FromClause = SparseEmbedding.__table__
SPARSE_TABLE = SparseEmbedding.__tablename__

ANALYSE_QUERY = written(
    text(f"""
    WITH asked AS MATERIALIZED (
      SELECT lexeme FROM unnest(to_tsvector(CAST(:configuration AS regconfig), :query)))
    SELECT lexeme, {PLACE.format(lexeme="lexeme")},
           (SELECT coalesce(CAST(sum(t.delta) AS bigint), 0) FROM term_deltas t
            WHERE t.space_id = :space_id AND t.lexeme = asked.lexeme),
           (SELECT coalesce(CAST(sum(rows) AS bigint), 0) FROM size_deltas
            WHERE space_id = :space_id)
    FROM asked
    """)
)
SPARSE_VECTOR = SPARSEVEC(SPARSE_DIMENSIONS)
QUERY = cast(bindparam("query", type_=SPARSE_VECTOR), SPARSE_VECTOR)
CAP = bindparam("cap", type_=Integer)
LIMIT: BindParameter[int] = bindparam("limit", type_=Integer)
# Parallel workers would take from all tiers at once, and rows of common words fill the cap.
ONE_BY_ONE = text("SET LOCAL max_parallel_workers_per_gather = 0")
TOGETHER = text("SET LOCAL max_parallel_workers_per_gather TO DEFAULT")


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
    return ask(session, Question(ANALYSE_QUERY, facts, _read_counts))


def _read_counts(rows: Sequence[Any]) -> tuple[dict[str, tuple[int, int]], int]:
    counts = {lexeme: (place, n_rows) for lexeme, place, n_rows, _ in rows}
    return counts, rows[0][3] if rows else 0


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A sparse vector and how many rows are wanted, in a space and under a restriction."""

    space: Space
    vector: dict[int, float]
    restriction: Restriction
    limit: int

    @property
    def facts(self) -> dict[str, Any]:
        """The parameters of the statements."""
        query = sparse_vector(self.vector)
        return {"query": query, "space_id": self.space.id, "shelf_id": self.space.shelf_id}

    @property
    def written_facts(self) -> dict[str, Any]:
        """The same for the statements that are written once."""
        return self.facts | {"query": sparse_vector(self.vector).to_text(), "limit": self.limit}


def lexical_scan(session: Session, asked: LexicalQuery) -> list[Candidate]:
    """Return the best rows of a space by scoring every one that passes."""
    if asked.restriction.is_empty:
        return ask(session, Question(_scan_of_all(), asked.written_facts, _read))
    return _read(session.execute(_scan(asked), asked.facts).all())


def _read(rows: Sequence[Any]) -> list[Candidate]:
    return [Candidate(chunk_id, document_id, -distance) for chunk_id, document_id, distance in rows]


def exact_scanned(session: Session, asked: LexicalQuery) -> int:
    """Return how many rows scoring every one that passes really looks at."""
    return scanned_rows(session, _scan(asked), SPARSE_TABLE, asked.facts)


def lexical_candidates(
    session: Session, asked: LexicalQuery, *, tiers: Sequence[Sequence[Term]], cap: int
) -> LexicalCandidates:
    """Return the best of at most `cap` rows that pass, found by the index on their terms.

    Rows are taken tier by tier; a later tier's statement runs only while the cap is not reached.
    """
    with _in_order(session, tiers):
        facts = _tier_facts(asked, tiers, cap)
        if asked.restriction.is_empty:
            facts |= asked.written_facts
            rows = ask(session, Question(_candidates_of_all(len(tiers)), facts, list[Any]))
        else:
            rows = list(session.execute(_candidates(asked, tiers), facts).all())
    return LexicalCandidates(
        candidates=[Candidate(row[0], row[1], -row[2]) for row in rows],
        n_scored=rows[0][3] if rows else 0,
        last_tier=rows[0][4] if rows else len(tiers) - 1,
    )


def candidates_scanned(
    session: Session, asked: LexicalQuery, *, tiers: Sequence[Sequence[Term]], cap: int
) -> int:
    """Return how many rows the index on terms really hands out."""
    facts = _tier_facts(asked, tiers, cap)
    with _in_order(session, tiers):
        return scanned_rows(session, _candidates(asked, tiers), SPARSE_TABLE, facts)


@contextmanager
def _in_order(session: Session, tiers: Sequence[Sequence[Term]]) -> Iterator[None]:
    if len(tiers) == 1:
        yield
        return
    session.execute(ONE_BY_ONE)
    yield
    session.execute(TOGETHER)


def _scan(asked: LexicalQuery) -> Select[Any]:
    return _scan_near(asked.restriction, asked.limit)


@cache
def _scan_of_all() -> bytes:
    return written(_scan_near(EVERYTHING, LIMIT))


def _scan_near(restriction: Restriction, limit: int | BindParameter[int]) -> Select[Any]:
    distance = lexical_distance().label("distance")
    best = (
        select(SPARSE.c.owner_id, SPARSE.c.document_id, distance)
        .where(*place_of(SPARSE, ANY_SPACE), restriction.predicate(SPARSE))
        .order_by(distance, SPARSE.c.owner_id)
        .limit(limit)
        .subquery()
    )
    # A row without any of the words scores 0; cutting it off after the sort costs nothing.
    return select(best).where(best.c.distance < literal_column("0"))


def _candidates(asked: LexicalQuery, tiers: Sequence[Sequence[Term]]) -> Select[Any]:
    return _candidates_near(len(tiers), asked.restriction, asked.limit)


@lru_cache(maxsize=MAX_KEPT)
def _candidates_of_all(n_tiers: int) -> bytes:
    return written(_candidates_near(n_tiers, EVERYTHING, LIMIT))


def _candidates_near(
    n_tiers: int, restriction: Restriction, limit: int | BindParameter[int]
) -> Select[Any]:
    branches = [_tier_branch(tier, restriction) for tier in range(n_tiers)]
    found = union_all(*branches).limit(CAP).cte("found").prefix_with("MATERIALIZED")
    return (
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


def _tier_branch(tier: int, restriction: Restriction) -> Select[tuple[int, int, int | None, float]]:
    """Return the statement of one tier, without the rows of the tiers before it."""
    conditions = [
        *place_of(SPARSE, ANY_SPACE),
        restriction.predicate(SPARSE),
        SPARSE.c.terms.op("@@")(_words(f"tier_{tier}")),
    ]
    if tier:
        conditions.append(~SPARSE.c.terms.op("@@")(_words(f"before_{tier}")))
    return select(
        literal_column(str(tier), Integer).label("tier"),
        SPARSE.c.owner_id,
        SPARSE.c.document_id,
        lexical_distance().label("distance"),
    ).where(*conditions)


def _tier_facts(asked: LexicalQuery, tiers: Sequence[Sequence[Term]], cap: int) -> dict[str, Any]:
    """Return the parameters of the statement over these tiers."""
    facts = asked.facts | {"cap": cap}
    taken: list[Term] = []
    for position, tier in enumerate(tiers):
        facts[f"tier_{position}"] = _any_of(tier)
        if taken:
            facts[f"before_{position}"] = _any_of(taken)
        taken.extend(tier)
    return facts


def lexical_distance() -> ColumnElement[float]:
    """Return the negative score of a row for the parameter `query`; small is good, as pgvector."""
    # The shorter one first: pgvector walks through the other within it, with fewer wrong guesses.
    distance: ColumnElement[float] = QUERY.op("<#>", return_type=Float())(SPARSE.c.weights)
    return distance


def sparse_vector(query: dict[int, float]) -> SparseVector:
    """Return a query as the parameter that `lexical_distance` takes."""
    # Made from a mapping it would look into SciPy, which the encoder's thread may be importing.
    places = ",".join(f"{place}:{weight}" for place, weight in sorted(query.items()) if weight)
    return SparseVector.from_text(f"{{{places}}}/{SPARSE_DIMENSIONS}")


def _words(name: str) -> ColumnElement[str]:
    return cast(bindparam(name, type_=Text), TSQUERY)


def _any_of(terms: Sequence[Term]) -> str:
    quoted = (term.lexeme.replace("\\", "\\\\").replace("'", "''") for term in terms)
    return " | ".join(f"'{lexeme}'" for lexeme in quoted)
