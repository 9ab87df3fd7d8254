"""Judged queries: what a caller may rely on.

Judgments name documents that may be closed to some: whoever is bound to principals may see none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

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
class Outcome:
    """What became of one query that was sent."""

    id: int
    external_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class JudgedQueryView:
    """A judged query with its judgments, the most relevant first."""

    id: int
    external_id: str
    query: str
    split: str
    source: str
    n_judgments: int
    n_relevant: int
    created_at: datetime
    updated_at: datetime
    judgments: list[JudgmentRow]


@dataclass(frozen=True, slots=True)
class ImportTally:
    """What an import held: ids without a text or without judgments are counted and left out."""

    n_queries: int
    n_judgments: int
    n_without_text: int
    n_without_judgments: int
    n_negative: int


@dataclass(frozen=True, slots=True)
class JudgedState:
    """What is judged of one query, and how many queries of the collection can be measured."""

    relevance: dict[str, int]
    n_queries: int


def put_judged(caller: Caller, slug: str, inputs: Sequence[JudgedInput]) -> list[Outcome]:
    """Create queries, or change those of the same external id; all of them or none.

    Judgments that are given take the place of those there are. Raises InvalidInput and TooLarge
    naming the part.
    """
    caller.require_writing()
    if len(inputs) > MAX_QUERIES:
        raise TooLarge(f"at most {MAX_QUERIES:,} queries in one request", "queries")
    check_inputs(inputs)
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        return _store(session, caller.workspace_id, collection.id, inputs, source="manual")


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
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        _store(session, caller.workspace_id, collection.id, inputs, source="import")
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
        return _view(session, caller, collection.id, query_id)


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
        _view(session, caller, collection.id, query_id)
        _judge(session, query_id, relevance, judged_by)
        check_totals(0, queries.count_judgments(session, collection.id))
        return _view(session, caller, collection.id, query_id)


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
            _store(session, caller.workspace_id, collection.id, inputs, source="manual")
            row = queries.find_by_text(session, collection_id=collection.id, query=query)
        if row is None:
            raise NotFound("judged query", query)
        _judge(session, row.id, relevance, judged_by)
        return _state(session, collection.id, query)


def judged_state(caller: Caller, slug: str, query: str) -> JudgedState:
    """Return what is judged of a query, by its text."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        return _state(session, collection.id, query)


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


def _state(session: Session, collection_id: int, query: str) -> JudgedState:
    row = queries.find_by_text(session, collection_id=collection_id, query=query)
    relevance: dict[str, int] = {}
    if row is not None:
        judgments = queries.judgments_of(session, collection_id=collection_id, query_id=row.id)
        relevance = {one.external_id: one.relevance for one in judgments}
    return JudgedState(relevance, queries.count_measurable(session, collection_id))


def _judge(
    session: Session, query_id: int, relevance: Mapping[str, int | None], judged_by: str | None
) -> None:
    taken_back = [document for document, grade in relevance.items() if grade is None]
    if taken_back:
        queries.delete_judgments(session, [query_id], taken_back)
    rows = [
        {
            "query_id": query_id,
            "external_id": document,
            "relevance": grade,
            "judged_by": judged_by,
        }
        for document, grade in relevance.items()
        if grade is not None
    ]
    queries.put_judgments(session, rows)
    queries.touch(session, query_id)


def _store(
    session: Session,
    workspace_id: int,
    collection_id: int,
    inputs: Sequence[JudgedInput],
    *,
    source: str,
) -> list[Outcome]:
    known = queries.known_ids(
        session, collection_id=collection_id, external_ids=[one.ident for one in inputs]
    )
    rows: list[dict[str, Any]] = [
        {
            "workspace_id": workspace_id,
            "collection_id": collection_id,
            "external_id": one.ident,
            "query": one.query,
            "split": one.split,
            "source": source,
        }
        for one in inputs
    ]
    ids = queries.upsert_queries(session, rows) if rows else {}
    judged = [one for one in inputs if one.relevance is not None]
    queries.delete_judgments(session, [ids[one.ident] for one in judged])
    queries.put_judgments(
        session,
        [
            {
                "query_id": ids[one.ident],
                "external_id": document,
                "relevance": grade,
                "judged_by": None,
            }
            for one in judged
            for document, grade in (one.relevance or {}).items()
        ],
    )
    check_totals(
        queries.count_queries(session, collection_id),
        queries.count_judgments(session, collection_id),
    )
    return [
        Outcome(ids[one.ident], one.ident, "updated" if one.ident in known else "created")
        for one in inputs
    ]


def _view(session: Session, caller: Caller, collection_id: int, query_id: int) -> JudgedQueryView:
    row = queries.find_query(
        session,
        workspace_id=caller.workspace_id,
        collection_id=collection_id,
        query_id=query_id,
    )
    if row is None:
        raise NotFound("judged query", query_id)
    judgments = queries.judgments_of(session, collection_id=collection_id, query_id=query_id)
    return JudgedQueryView(**asdict(row), judgments=judgments)
