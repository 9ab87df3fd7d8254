"""Running the two legs over one snapshot, each with its own account of how complete it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.search import dense, lexical
from embedhub.search.dense import DensePlan
from embedhub.search.fusion import Candidate
from embedhub.search.lexical import Term
from embedhub.search.queries import dense as dense_queries
from embedhub.search.queries import lexical as lexical_queries
from embedhub.search.queries.restriction import Restriction
from embedhub.search.request import Leg, LegReport, Note, NoteCode
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

BM25 = "bm25"


@dataclass(frozen=True, slots=True)
class LegResult:
    """One leg's list, best first, and how it came about."""

    candidates: list[Candidate]
    report: LegReport
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """The terms of a query that a space knows, rarest first, and the number of its rows."""

    terms: list[Term]
    n_rows: int


def analyse_query(session: Session, *, space: Space, configuration: str, query: str) -> QueryTerms:
    """Return the terms of a prepared query that the space knows."""
    counts, n_rows = lexical_queries.count_terms(
        session, space_id=space.id, configuration=configuration, query=query
    )
    return QueryTerms(lexical.query_terms(counts, n_rows), n_rows)


def lexical_leg(
    session: Session,
    *,
    space: Space,
    asked: QueryTerms,
    restriction: Restriction,
    limit: int,
) -> LegResult:
    """Return the rows that hold words of the query, by BM25."""
    terms = asked.terms
    # How many rows hold a word, rows that the caller may not see among them: for others to know.
    told = terms if restriction.principals is None else []
    if not terms:
        return _answer([], told, restriction)
    query = lexical.query_vector(terms)
    cap = get_config().lexical_cap
    # The shared shelf has no index on its terms.
    if space.shelf_id == SHARED_SHELF or lexical.is_scan_cheaper(terms, asked.n_rows, cap):
        found = lexical_queries.lexical_scan(
            session, space=space, query=query, restriction=restriction, limit=limit
        )
        return _answer(found, told, restriction)
    tiers = lexical.candidate_tiers(terms, cap, is_filtered=not restriction.is_empty)
    taken = lexical_queries.lexical_candidates(
        session,
        space=space,
        query=query,
        tiers=tiers,
        restriction=restriction,
        cap=cap,
        limit=limit,
    )
    omitted = lexical.omitted_terms(
        terms, tiers, n_scored=taken.n_scored, cap=cap, last_tier=taken.last_tier
    )
    scores = [candidate.score for candidate in taken.candidates]
    if lexical.is_list_complete(scores, limit, omitted):
        return _answer(taken.candidates, told, restriction)
    return _answer(taken.candidates, told, restriction, omitted)


def dense_leg(
    session: Session,
    *,
    space: Space,
    vector: NDArray[np.float32],
    restriction: Restriction,
    limit: int,
) -> LegResult:
    """Return the rows whose vectors are nearest, by the plan that suits filter and size."""
    plan = _choose_plan(session, space, restriction)
    if plan is DensePlan.EXACT:
        return _exact(session, space, vector, restriction, limit)
    config = get_config()
    found = dense_queries.dense_hnsw(
        session,
        space=space,
        query=vector,
        restriction=restriction,
        limit=limit,
        ef_search=dense.ef_search_for(limit, config.ef_search),
    )
    if len(found) >= limit:
        return LegResult(found, LegReport(Leg.DENSE, DensePlan.HNSW, len(found), complete=True))
    # The scan gave up. Few enough rows pass to compare them all, or the caller has to know.
    at_most = max(config.exact_rows, limit) + 1
    n_passing = dense_queries.count_passing(
        session, space=space, restriction=restriction, at_most=at_most
    )
    if n_passing < at_most:
        return _exact(session, space, vector, restriction, limit)
    note = Note(NoteCode.DENSE_SHORT, "the index scan ended before enough rows passed the filter")
    report = LegReport(Leg.DENSE, DensePlan.HNSW, len(found), complete=False)
    return LegResult(found, report, [note])


def _exact(
    session: Session,
    space: Space,
    vector: NDArray[np.float32],
    restriction: Restriction,
    limit: int,
) -> LegResult:
    found = dense_queries.dense_exact(
        session, space=space, query=vector, restriction=restriction, limit=limit
    )
    return LegResult(found, LegReport(Leg.DENSE, DensePlan.EXACT, len(found), complete=True))


def _choose_plan(session: Session, space: Space, restriction: Restriction) -> DensePlan:
    if not dense.has_index(space.shelf_id, is_indexed=space.is_indexed):
        return DensePlan.EXACT
    n_total = dense_queries.rows_by_statistics(session, space.shelf_id)
    exact_rows = get_config().exact_rows
    if restriction.is_empty or n_total <= exact_rows:
        return dense.choose_plan(n_total, exact_rows)
    # Counting all that pass would cost as much as the exact search it is to avoid.
    percent = min(100.0, 100 * dense.SAMPLE_ROWS / n_total)
    sample = dense_queries.sample_passing(
        session, space=space, restriction=restriction, percent=percent
    )
    return dense.choose_plan(sample.estimate(n_total), exact_rows)


def _answer(
    found: list[Candidate],
    told: list[Term],
    restriction: Restriction,
    omitted: Sequence[Term] = (),
) -> LegResult:
    """Return the lexical leg's list with what the caller may know of how it came about."""
    is_bound = restriction.principals is not None
    notes = []
    if omitted:
        words = "" if is_bound else f" ({', '.join(term.lexeme for term in omitted[:5])})"
        message = f"rows that hold only common words{words} may be missing"
        notes.append(Note(NoteCode.LEXICAL_CUT, message))
    elif is_bound and not found:
        # The same whether nobody wrote the word or only documents that the caller may not see.
        notes.append(Note(NoteCode.NO_TERMS, "no document found holds a word of the query"))
    elif not is_bound and not told:
        notes.append(Note(NoteCode.NO_TERMS, "no document holds a word of the query"))
    counts = {term.lexeme: term.n_rows for term in told}
    report = LegReport(Leg.LEXICAL, BM25, len(found), complete=not omitted, terms=counts)
    return LegResult(found, report, notes)
