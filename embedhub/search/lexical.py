"""The lexical leg's arithmetic: BM25 weights, and which candidates make a list complete.

Okapi BM25 with Lucene's idf (Robertson and Zaragoza 2009; Lucene's BM25Similarity). A row stores
the saturated frequencies, the query brings the idf, so a score is one inner product.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from embedhub.search.estimate import Estimate

ANALYSER = "bm25"
# Changes whenever a text would get other lexemes or weights; 1 is the first.
REVISION = "1"

K1 = 1.2
B = 0.75
# What a term adds to a score at most, as a multiple of its idf.
MAX_WEIGHT = K1 + 1
SCANNED_FOR_ONE_FETCHED = 3
# At least so many rows that pass a filter are scored, if the cap allows as many.
MIN_FILTERED_CAP = 2_000
# From this share on a filter is cheaper asked of each row than looked up beside the words.
WIDE_SHARE = 0.2
# With a filter, terms beyond the first group are tried one by one, so many at most.
MAX_SINGLE_TIERS = 4
# More different lexemes than this in one query are cut, the most common first: a sparse vector
# has its limit.
MAX_QUERY_TERMS = 10_000


@dataclass(frozen=True, slots=True)
class Term:
    """A lexeme of a query: its place in the sparse vector and how many rows hold it."""

    lexeme: str
    place: int
    n_rows: int
    idf: float


def idf(n_rows: int, n_with_term: int) -> float:
    """Return the inverse document frequency, above 0 whatever the counts."""
    # Counts come from one snapshot, but a row being deleted twice must not make a log of < 1.
    with_term = min(max(n_with_term, 0), n_rows)
    return math.log(1 + (n_rows - with_term + 0.5) / (with_term + 0.5))


def weight(frequency: int, length: int, average_length: float) -> float:
    """Return the saturated frequency of a term in a row, at most MAX_WEIGHT."""
    norm = K1 * (1 - B + B * length / average_length)
    return frequency * (K1 + 1) / (frequency + norm)


def query_terms(counts: Mapping[str, tuple[int, int]], n_rows: int) -> list[Term]:
    """Return the terms of a query that some row holds, rarest first.

    `counts` maps each lexeme to its place and the number of rows that hold it.
    """
    terms = [
        Term(lexeme, place, n_with, idf(n_rows, n_with))
        for lexeme, (place, n_with) in counts.items()
        if n_with > 0
    ]
    terms.sort(key=lambda term: (term.n_rows, term.lexeme))
    return terms[:MAX_QUERY_TERMS]


def query_vector(terms: Sequence[Term]) -> dict[int, float]:
    """Return the query's sparse vector; lexemes that share a place share their idf's sum."""
    vector: dict[int, float] = {}
    for term in terms:
        vector[term.place] = vector.get(term.place, 0.0) + term.idf
    return vector


class LexicalPlan(StrEnum):
    """How the rows that hold the query's words are found."""

    EXACT = "exact"
    TERMS = "terms"


@dataclass(frozen=True, slots=True)
class LexicalChoice:
    """A plan, and why, in plain words."""

    plan: LexicalPlan
    reason: str


def choose(
    terms: Sequence[Term], n_rows: int, cap: int, guess: Estimate | None = None
) -> LexicalChoice:
    """Return the plan for a space with an index on its terms; `guess` is of a restricted search.

    Scoring every row that passes is complete. A row fetched by an index costs about three rows
    scanned in order (measured over 30,000 abstracts).
    """
    holding = sum(term.n_rows for term in terms)
    if guess is None:
        fetched = float(min(cap, holding))
        scored = n_rows / SCANNED_FOR_ONE_FETCHED
    else:
        # The cap counts rows that pass; the index hands out the others as well.
        fetched = min(cap / guess.share, float(holding))
        scored = min(n_rows / SCANNED_FOR_ONE_FETCHED, float(guess.n_looked_up))
    if scored <= fetched:
        reason = "all rows that pass are scored: no more work than looking the words up"
        return LexicalChoice(LexicalPlan.EXACT, reason)
    return LexicalChoice(
        LexicalPlan.TERMS, f"the index on words finds the rows to score, at most {cap:,}"
    )


def cap_for(cap: int, guess: Estimate | None) -> int:
    """Return how many rows that pass are scored: of a filtered space the same part as of a whole.

    Else a filter that keeps half of the rows would have the index hand out twice as many.
    """
    if guess is None:
        return cap
    return max(min(cap, MIN_FILTERED_CAP), round(cap * guess.share))


def candidate_tiers(terms: Sequence[Term], cap: int, *, is_filtered: bool) -> list[list[Term]]:
    """Return groups of terms to take candidates from, one after the other until the cap.

    The first group holds all terms that together cannot reach the cap. Without a filter nothing
    more is worth taking: the next term alone would be cut at an arbitrary row. With a filter the
    counts say little, so the remaining terms follow, the rarest one by one and then in one group.
    """
    first: list[Term] = []
    total = 0
    for term in terms:
        total += term.n_rows
        if first and total > cap:
            break
        first.append(term)
    rest = list(terms[len(first) :])
    if not first or not rest:
        return [first] if first else []
    if not is_filtered:
        return [first]
    singles, common = rest[:MAX_SINGLE_TIERS], rest[MAX_SINGLE_TIERS:]
    return [first, *([term] for term in singles), *([common] if common else [])]


def omitted_terms(
    terms: Sequence[Term],
    tiers: Sequence[Sequence[Term]],
    *,
    n_scored: int,
    cap: int,
    last_tier: int,
) -> list[Term]:
    """Return the terms of which not every row that passes was scored.

    The cap is reached inside the last tier that gave rows; the tiers before it were taken whole.
    """
    whole = tiers[:last_tier] if n_scored >= cap else tiers
    taken = {term.lexeme for tier in whole for term in tier}
    return [term for term in terms if term.lexeme not in taken]


def is_list_complete(scores: Sequence[float], wanted: int, omitted: Sequence[Term]) -> bool:
    """Return whether no row outside the candidates can belong to the list.

    A row that holds only omitted terms scores at most the sum of their bounds (the MaxScore bound
    of Turtle and Flood 1995). `scores` is the list found, best first.
    """
    if not omitted:
        return True
    bound = MAX_WEIGHT * sum(term.idf for term in omitted)
    return len(scores) >= wanted and scores[wanted - 1] >= bound
