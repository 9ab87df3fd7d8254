"""Judged queries as callers send them, checked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedhub.config import get_config
from embedhub.documents.inputs import MAX_EXTERNAL_ID_CHARS, check_string
from embedhub.errors import InvalidInput, TooLarge
from embedhub.evaluation.formats import MAX_RELEVANCE

MAX_SPLIT_CHARS = 50
# Queries in one request; an import takes as many as a collection may have.
MAX_QUERIES = 1_000
DEFAULT_SPLIT = "test"


@dataclass(frozen=True, slots=True)
class JudgedInput:
    """A query with its judgments by the documents' external ids; None leaves those there are.

    Without an external id the query gets one that follows from its text.
    """

    query: str
    external_id: str | None = None
    split: str = DEFAULT_SPLIT
    relevance: Mapping[str, int] | None = None

    @property
    def ident(self) -> str:
        """Return the external id."""
        return self.external_id or ident_of(self.query)


def ident_of(query: str) -> str:
    """Return the external id of a query that was given none: the same for the same text."""
    return f"q-{hashlib.sha256(query.encode()).hexdigest()[:16]}"


def check_inputs(inputs: Sequence[JudgedInput], path: str = "queries") -> None:
    """Raise InvalidInput or TooLarge, naming the part, unless all of them can be stored."""
    seen: set[str] = set()
    for place, one in enumerate(inputs):
        where = f"{path}.{place}"
        check_text(one.query, f"{where}.query")
        if one.external_id is not None:
            check_ident(one.external_id, f"{where}.external_id")
        if one.ident in seen:
            raise InvalidInput(f"query {one.ident!r} is there twice", where)
        seen.add(one.ident)
        check_split(one.split, f"{where}.split")
        for document, relevance in (one.relevance or {}).items():
            check_ident(document, f"{where}.judgments")
            check_relevance(relevance, f"{where}.judgments")


def check_text(query: str, path: str) -> None:
    """Raise unless the text can be searched for."""
    check_string(query, path, get_config().max_query_chars)
    if not query.strip():
        raise InvalidInput("must not be empty", path)


def check_ident(ident: str, path: str) -> None:
    """Raise unless the text can be an external id."""
    check_string(ident, path, MAX_EXTERNAL_ID_CHARS)
    if not ident.strip():
        raise InvalidInput("must not be empty", path)


def check_split(split: str, path: str) -> None:
    """Raise unless the text can name a set of queries."""
    check_string(split, path, MAX_SPLIT_CHARS)
    if not split.strip() or not split.isprintable():
        raise InvalidInput("must be a word", path)


def check_relevance(relevance: int, path: str) -> None:
    """Raise unless the number can be a grade."""
    if not 0 <= relevance <= MAX_RELEVANCE:
        raise InvalidInput(f"relevance is from 0 to {MAX_RELEVANCE}", path)


def check_totals(n_queries: int, n_judgments: int) -> None:
    """Raise TooLarge if a collection would have more than it may."""
    config = get_config()
    if n_queries > config.max_judged_queries:
        limit = config.max_judged_queries
        raise TooLarge(f"a collection has at most {limit:,} judged queries", "queries")
    if n_judgments > config.max_judgments:
        raise TooLarge(f"a collection has at most {config.max_judgments:,} judgments", "judgments")
