"""Judged queries: what a caller may rely on.

Judgments name documents that may be closed to some: whoever is bound to principals may see none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.errors import InvalidInput, NotFound, TooLarge
from embedhub.evaluation.formats import read_qrels, read_queries
from embedhub.evaluation.inputs import (
    DEFAULT_SPLIT,
    MAX_QUERIES,
    JudgedInput,
    check_ident,
    check_inputs,
    check_relevance,
    check_split,
    check_text,
    check_totals,
    ident_of,
)
from embedhub.evaluation.queries import judged as queries
from embedhub.evaluation.queries.judged import JudgmentRow, QueryRow
from embedhub.evaluation.storing import (
    JudgedQueryView,
    JudgedState,
    Outcome,
    state_of,
    store_queries,
    view_of,
    write_judgments,
)

__all__ = [
    "DEFAULT_SPLIT",
    "ImportTally",
    "JudgedInput",
    "JudgedQueryView",
    "JudgedState",
    "JudgmentRow",
    "QueryRow",
    "delete_judged",
    "frequent_queries",
    "get_judged",
    "import_judged",
    "judge",
    "judged_state",
    "list_judged",
    "put_judged",
    "set_judgments",
]


@dataclass(frozen=True, slots=True)
class ImportTally:
    """What an import held: ids without a text or without judgments are counted and left out."""

    n_queries: int
    n_judgments: int
    n_without_text: int
    n_without_judgments: int
    n_negative: int


def put_judged(caller: Caller, slug: str, inputs: Sequence[JudgedInput]) -> list[Outcome]:
    """Create queries, or change those of the same external id; all of them or none.

    Judgments that are given take the place of those there are. Raises InvalidInput and TooLarge
    naming the part.
    """
    caller.require_writing()
    if len(inputs) > MAX_QUERIES:
        raise TooLarge(f"at most {MAX_QUERIES:,} queries in one request", "queries")
    check_inputs(inputs)
    return _store(caller, slug, inputs, source="manual")


def import_judged(
    caller: Caller, slug: str, *, queries_text: str, qrels_text: str, split: str = DEFAULT_SPLIT
) -> ImportTally:
    """Store the queries and judgments of a BEIR or TREC set; all of them or nothing.

    A query that is there already gets these judgments in place of its own. Raises InvalidInput
    naming the line that cannot be read.
    """
    caller.require_writing()
    check_split(split, "split")
    texts = read_queries(queries_text)
    found = read_qrels(qrels_text)
    inputs = [
        JudgedInput(texts[ident], ident, split, relevance)
        for ident, relevance in found.relevance.items()
        if ident in texts
    ]
    if not inputs:
        raise InvalidInput("no judgment is about one of the queries", "qrels")
    check_inputs(inputs)
    _store(caller, slug, inputs, source="import")
    return ImportTally(
        n_queries=len(inputs),
        n_judgments=sum(len(one.relevance or {}) for one in inputs),
        n_without_text=len(found.relevance) - len(inputs),
        n_without_judgments=len(texts) - len(inputs),
        n_negative=found.n_negative,
    )


def list_judged(
    caller: Caller, slug: str, *, after: int = 0, limit: int = 100, split: str | None = None
) -> list[QueryRow]:
    """Return the judged queries of a collection by id, from the one behind `after` on."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        return queries.list_queries(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            split=split,
            after=after,
            limit=limit,
        )


def get_judged(caller: Caller, slug: str, query_id: int) -> JudgedQueryView:
    """Return one judged query with its judgments; raises NotFound."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        return view_of(session, caller, collection.id, query_id)


def set_judgments(
    caller: Caller,
    slug: str,
    query_id: int,
    relevance: Mapping[str, int | None],
    *,
    judged_by: str | None = None,
) -> JudgedQueryView:
    """Set how relevant documents are to a query; None takes a judgment back."""
    caller.require_writing()
    for document, grade in relevance.items():
        check_ident(document, "judgments")
        if grade is not None:
            check_relevance(grade, "judgments")
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        view_of(session, caller, collection.id, query_id)
        write_judgments(session, query_id, relevance, judged_by)
        check_totals(0, queries.count_judgments(session, collection.id))
        return view_of(session, caller, collection.id, query_id)


def judge(
    caller: Caller,
    slug: str,
    query: str,
    relevance: Mapping[str, int | None],
    *,
    judged_by: str,
) -> JudgedState:
    """Set how relevant documents are to a query by its text, which becomes a judged query."""
    caller.require_writing()
    check_text(query, "query")
    for document, grade in relevance.items():
        check_ident(document, "external_id")
        if grade is not None:
            check_relevance(grade, "relevance")
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        row = queries.find_by_text(session, collection_id=collection.id, query=query)
        if row is None:
            ident = ident_of(query)
            inputs = [JudgedInput(query, ident)]
            store_queries(session, caller.workspace_id, collection.id, inputs, source="manual")
            row = queries.find_by_text(session, collection_id=collection.id, query=query)
        if row is None:
            raise NotFound("judged query", query)
        write_judgments(session, row.id, relevance, judged_by)
        check_totals(0, queries.count_judgments(session, collection.id))
        return state_of(session, collection.id, query)


def judged_state(caller: Caller, slug: str, query: str) -> JudgedState:
    """Return what is judged of a query, by its text."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        return state_of(session, collection.id, query)


def delete_judged(caller: Caller, slug: str, query_ids: Sequence[int] | None) -> int:
    """Delete judged queries with their judgments, or all of a collection; return how many."""
    caller.require_writing()
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        return queries.delete_queries(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            query_ids=query_ids,
        )


def frequent_queries(caller: Caller, slug: str, *, limit: int) -> list[str]:
    """Return queries that were asked most lately and are not judged: what to judge next."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        return queries.frequent_queries(session, collection_id=collection.id, limit=limit)


def _store(
    caller: Caller, slug: str, inputs: Sequence[JudgedInput], *, source: str
) -> list[Outcome]:
    def store() -> list[Outcome]:
        with db.writing() as session:
            collection = find_collection(session, caller, slug)
            return store_queries(session, caller.workspace_id, collection.id, inputs, source=source)

    return db.retry_deadlocks(store)
