"""Running the two legs over one snapshot, each with its own account of how complete it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import FromClause
from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.search import dense, lexical
from embedhub.search.dense import DensePlan
from embedhub.search.estimate import Estimate, estimate, scaled, whole
from embedhub.search.fusion import Candidate
from embedhub.search.lexical import LexicalPlan, Term
from embedhub.search.queries import dense as dense_queries
from embedhub.search.queries import estimates
from embedhub.search.queries import lexical as lexical_queries
from embedhub.search.queries.dense import DENSE, DenseQuery
from embedhub.search.queries.lexical import SPARSE, LexicalQuery
from embedhub.search.queries.restriction import Restriction
from embedhub.search.request import Leg, LegReport, Note, NoteCode
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

BM25 = "bm25"
Scan = Callable[[Session], int]


@dataclass(frozen=True, slots=True)
class LegResult:
    """One leg's list, best first, and how it came about."""

    candidates: list[Candidate]
    report: LegReport
    notes: list[Note] = field(default_factory=list)
    # how many rows were thought to pass
    guess: Estimate | None = None
    # what counts the rows that each statement looks at
    scans: tuple[Scan, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """The terms of a query that a space knows, rarest first, and the number of its rows."""

    terms: list[Term]
    n_rows: int


def lexical_leg(
    session: Session,
    *,
    space: Space,
    asked: QueryTerms,
    restriction: Restriction,
    limit: int,
    guess: Estimate | None = None,
) -> LegResult:
    """Return the rows that hold words of the query, by BM25.

    `guess` is what the other leg thinks of how many rows pass.
    """
    terms = asked.terms
    # How many rows hold a word, rows that the caller may not see among them: for others to know.
    told = terms if restriction.principals is None else []
    if not terms:
        return _answer(LegResult([], _lexical_report(LexicalPlan.TERMS)), told, restriction)
    query = LexicalQuery(space, lexical.query_vector(terms), restriction, limit)
    cap = get_config().lexical_cap
    # The shared shelf has no index on its terms.
    if restriction.owners is not None:
        reason = "only the passages that hold what is in quotes are scored"
        choice = lexical.LexicalChoice(LexicalPlan.EXACT, reason)
    elif space.shelf_id == SHARED_SHELF:
        choice = lexical.LexicalChoice(LexicalPlan.EXACT, "a small space is scored as a whole")
    else:
        if not restriction.is_empty:
            guess = _lexical_guess(session, space, restriction, asked.n_rows, guess)
        guess = None if restriction.is_empty else guess
        cap = lexical.cap_for(cap, guess)
        choice = lexical.choose(terms, asked.n_rows, cap, guess)
    report = _lexical_report(
        choice.plan,
        choice.reason,
        None if restriction.is_empty or guess is None else guess.n_passing,
    )
    if choice.plan is LexicalPlan.EXACT:
        found = lexical_queries.lexical_scan(session, query)
        scans = (partial(lexical_queries.exact_scanned, asked=query),)
        return _answer(LegResult(found, report, scans=scans), told, restriction)
    if guess is not None and guess.share >= lexical.WIDE_SHARE:
        query = replace(query, restriction=restriction.bare)
    tiers = lexical.candidate_tiers(terms, cap, is_filtered=not restriction.is_empty)
    taken = lexical_queries.lexical_candidates(session, query, tiers=tiers, cap=cap)
    omitted = lexical.omitted_terms(
        terms, tiers, n_scored=taken.n_scored, cap=cap, last_tier=taken.last_tier
    )
    scores = [candidate.score for candidate in taken.candidates]
    if lexical.is_list_complete(scores, limit, omitted):
        omitted = []
    scans = (partial(lexical_queries.candidates_scanned, asked=query, tiers=tiers, cap=cap),)
    return _answer(LegResult(taken.candidates, report, scans=scans), told, restriction, omitted)


def _lexical_report(plan: LexicalPlan, reason: str = "", estimated: int | None = None) -> LegReport:
    return LegReport(Leg.LEXICAL, plan, 0, complete=True, reason=reason, estimated_rows=estimated)


def dense_leg(
    session: Session,
    *,
    space: Space,
    vector: NDArray[np.float32],
    restriction: Restriction,
    limit: int,
) -> LegResult:
    """Return the rows whose vectors are nearest, by the plan that suits filter and size."""
    asked = DenseQuery(space, vector, restriction, limit)
    if restriction.owners is not None:
        reason = "only the passages that hold what is in quotes are compared"
        return _dense_exact(session, asked, None, reason)
    if not dense.has_index(space.shelf_id, is_indexed=space.is_indexed):
        return _dense_exact(session, asked, None, "the space has no vector index")
    config = get_config()
    guess = _guess(session, DENSE, space, restriction)
    choice = dense.choose(
        guess,
        wanted=dense.n_candidates(limit, space.precision),
        exact_rows=config.exact_rows,
        ef_search=config.ef_search,
        is_guess_told=restriction.principals is None,
    )
    if choice.plan is DensePlan.EXACT:
        return _dense_exact(session, asked, guess, choice.reason)
    found = dense_queries.dense_hnsw(session, asked, choice)
    scans = (partial(dense_queries.hnsw_scanned, asked=asked, choice=choice),)
    if len(found) < limit and dense.is_affordable(guess, config.exact_fallback_rows):
        reason = "the index scan ended before enough rows passed, so all that pass were compared"
        return _dense_exact(session, asked, guess, reason, scans)
    notes = []
    if len(found) < limit:
        message = "the index scan ended before enough rows passed the filter"
        notes.append(Note(NoteCode.DENSE_SHORT, message))
    report = LegReport(
        Leg.DENSE,
        choice.plan,
        len(found),
        complete=not notes,
        reason=choice.reason,
        estimated_rows=guess.n_passing,
        ef_search=choice.ef_search,
    )
    return LegResult(found, report, notes, guess, scans)


def _dense_exact(
    session: Session,
    asked: DenseQuery,
    guess: Estimate | None,
    reason: str,
    scans: tuple[Scan, ...] = (),
) -> LegResult:
    found = dense_queries.dense_exact(
        session,
        space=asked.space,
        query=asked.vector,
        restriction=asked.restriction,
        limit=asked.limit,
    )
    report = LegReport(
        Leg.DENSE,
        DensePlan.EXACT,
        len(found),
        complete=True,
        reason=reason,
        estimated_rows=None if guess is None else guess.n_passing,
    )
    scan = partial(dense_queries.exact_scanned, asked=asked)
    return LegResult(found, report, guess=guess, scans=(*scans, scan))


def with_scanned_rows(session: Session, leg: LegResult, restriction: Restriction) -> LegReport:
    """Return a leg's report with the rows it really looked at: runs its statements once more."""
    if restriction.principals is not None or not leg.scans:
        return leg.report
    return replace(leg.report, scanned_rows=sum(scan(session) for scan in leg.scans))


def _guess(session: Session, table: FromClause, space: Space, restriction: Restriction) -> Estimate:
    """Return about how many rows of a shelf of its own pass."""
    shelf = estimates.shelf_of(session, table, space)
    if restriction.is_empty and shelf.n_rows is not None:
        return whole(shelf.n_rows)
    sample = estimates.sample_rows(
        session, table, space=space, restriction=restriction, shelf=shelf
    )
    return estimate(shelf, sample)


def _lexical_guess(
    session: Session, space: Space, restriction: Restriction, n_rows: int, other: Estimate | None
) -> Estimate:
    """Return what the other leg's guess says of this shelf, if its indexes find the same here."""
    if other is not None:
        shelf = estimates.shelf_of(session, SPARSE, space)
        has_principals = restriction.principals is not None
        if shelf.serves(restriction.filter.look_up(), has_principals=has_principals):
            return scaled(other, n_rows)
    return _guess(session, SPARSE, space, restriction)


def _answer(
    leg: LegResult,
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
    elif is_bound and not leg.candidates:
        # The same whether nobody wrote the word or only documents that the caller may not see.
        notes.append(Note(NoteCode.NO_TERMS, "no document found holds a word of the query"))
    elif not is_bound and not told:
        notes.append(Note(NoteCode.NO_TERMS, "no document holds a word of the query"))
    counts = {term.lexeme: term.n_rows for term in told}
    report = replace(
        leg.report, n_candidates=len(leg.candidates), complete=not omitted, terms=counts
    )
    return replace(leg, report=report, notes=notes)
