"""Reading and writing judged queries within a caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.errors import NotFound
from embedhub.evaluation.inputs import JudgedInput, check_totals
from embedhub.evaluation.queries import judged as queries
from embedhub.evaluation.queries.judged import JudgmentRow


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
class JudgedState:
    """What is judged of one query, and how many queries of the collection can be measured."""

    relevance: dict[str, int]
    n_queries: int


def state_of(session: Session, collection_id: int, query: str) -> JudgedState:
    """Return what is judged of a query, by its text."""
    row = queries.find_by_text(session, collection_id=collection_id, query=query)
    relevance: dict[str, int] = {}
    if row is not None:
        judgments = queries.judgments_of(session, collection_id=collection_id, query_id=row.id)
        relevance = {one.external_id: one.relevance for one in judgments}
    return JudgedState(relevance, queries.count_measurable(session, collection_id))


def write_judgments(
    session: Session, query_id: int, relevance: Mapping[str, int | None], judged_by: str | None
) -> None:
    """Set judgments of a query; None takes one back."""
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


def store_queries(
    session: Session,
    workspace_id: int,
    collection_id: int,
    inputs: Sequence[JudgedInput],
    *,
    source: str,
) -> list[Outcome]:
    """Store queries, and judgments in place of theirs where some are given; raises TooLarge."""
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


def view_of(session: Session, caller: Caller, collection_id: int, query_id: int) -> JudgedQueryView:
    """Return a judged query of a collection of the caller with its judgments; raises NotFound."""
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
