"""What callers did with hits, and the judgments that follow from it.

Feedback is about a search that was logged, and about a document that the caller may see: it can
neither be made up nor used to ask whether a document exists.
"""

import logging
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller, Scope
from embedhub.collections.service import find_collection
from embedhub.config import get_config
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.evaluation.inputs import DEFAULT_SPLIT, check_ident, check_totals, ident_of
from embedhub.evaluation.queries import feedback as queries
from embedhub.evaluation.queries import judged
from embedhub.evaluation.queries.feedback import FeedbackCounts, LoggedSearch
from embedhub.search.search_log import writer
from embedhub.tables import Collection

logger = logging.getLogger(__name__)

HARVESTED = "feedback"
DEFAULT_MIN_CLICKS = 2
MAX_MIN_CLICKS = 1_000
POLL_S = 0.2
# Somebody who makes ids up must not have all threads of a server wait for the log.
_may_wait = threading.BoundedSemaphore(2)


class FeedbackKind(StrEnum):
    """What was done with a hit."""

    CLICK = "click"
    LIKE = "like"
    DISLIKE = "dislike"


@dataclass(frozen=True, slots=True)
class HarvestTally:
    """What came of the feedback: queries and judgments stored, and pairs that said too little."""

    n_queries: int
    n_judgments: int
    n_undecided: int
    n_kept: int


def record_feedback(
    caller: Caller, request_id: uuid.UUID, external_id: str, kind: FeedbackKind
) -> None:
    """Store what was done with a hit of a search; the same said twice counts once.

    Raises NotFound for a search that is not in this workspace's log, and for a document that the
    caller may not see; Conflict where searches are not logged.
    """
    caller.require(Scope.READ)
    check_ident(external_id, "external_id")
    if not get_config().search_log_days:
        raise Conflict("searches are not logged here: EMBEDHUB_SEARCH_LOG_DAYS is 0")
    found = _find_search(caller, request_id)
    if found.query is None:
        raise InvalidInput("of a search by a vector alone nothing can be learned", "request_id")
    with db.writing() as session:
        collection_id = queries.find_document(
            session,
            workspace_id=caller.workspace_id,
            collection_ids=found.collection_ids,
            allowed_ids=caller.collection_ids,
            external_id=external_id,
            principals=caller.principals,
        )
        if collection_id is None:
            raise NotFound("document", external_id)
        queries.insert_feedback(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection_id,
            request_id=request_id,
            query=found.query,
            external_id=external_id,
            kind=kind.value,
        )


def harvest(
    caller: Caller,
    slug: str,
    *,
    min_clicks: int = DEFAULT_MIN_CLICKS,
    days: int | None = None,
    split: str = DEFAULT_SPLIT,
) -> HarvestTally:
    """Turn the feedback on a collection into judged queries.

    What staff or an import judged stays as it is.
    """
    caller.require_writing()
    if not 1 <= min_clicks <= MAX_MIN_CLICKS:
        raise InvalidInput(f"must be from 1 to {MAX_MIN_CLICKS}", "min_clicks")
    since = None if days is None else datetime.now(UTC) - timedelta(days=days)
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        counts = queries.feedback_counts(session, collection_id=collection.id, since=since)
        grades, n_undecided = graded(counts, min_clicks)
        n_judgments = n_kept = 0
        for query, relevance in grades.items():
            stored, kept = _store(session, collection, query, relevance, split)
            n_judgments += stored
            n_kept += kept
        check_totals(
            judged.count_queries(session, collection.id),
            judged.count_judgments(session, collection.id),
        )
    return HarvestTally(len(grades), n_judgments, n_undecided, n_kept)


def graded(
    counts: Sequence[FeedbackCounts], min_clicks: int
) -> tuple[dict[str, dict[str, int]], int]:
    """Return relevance by query and document, and of how many pairs too little was said.

    Queries that differ by case and spaces alone are one, called as it was asked most.
    """
    spelled: defaultdict[str, Counter[str]] = defaultdict(Counter)
    pairs: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in counts:
        normal = " ".join(one.query.casefold().split())
        spelled[normal][one.query] += one.n_clicks + one.n_likes + one.n_dislikes
        said = pairs[normal, one.external_id]
        for place, n in enumerate((one.n_clicks, one.n_likes, one.n_dislikes)):
            said[place] += n
    found: dict[str, dict[str, int]] = {}
    n_undecided = 0
    for (normal, external_id), (clicks, likes, dislikes) in pairs.items():
        grade = grade_of(clicks, likes, dislikes, min_clicks)
        if grade is None:
            n_undecided += 1
            continue
        query = spelled[normal].most_common(1)[0][0]
        found.setdefault(query, {})[external_id] = grade
    return found, n_undecided


def grade_of(clicks: int, likes: int, dislikes: int, min_clicks: int) -> int | None:
    """Return what was said of one pair: 2 liked, 1 clicked often enough, 0 disliked, else None.

    What somebody says outweighs any number of clicks, which go to whatever stands first.
    """
    if likes != dislikes:
        return 2 if likes > dislikes else 0
    return 1 if clicks >= min_clicks and not dislikes else None


def forget_old() -> int:
    """Delete feedback older than `feedback_days`, in batches; return how many."""
    older_than = timedelta(days=get_config().feedback_days)
    return db.in_batches(
        lambda session, size: queries.delete_old(session, older_than=older_than, limit=size)
    )


def _find_search(caller: Caller, request_id: uuid.UUID) -> LoggedSearch:
    """Return the search; entries are written a moment behind the answer, maybe elsewhere."""
    found = _look_up(caller, request_id)
    if found is None and _may_wait.acquire(blocking=False):
        try:
            deadline = time.monotonic() + get_config().feedback_wait_s
            writer.flush()
            found = _look_up(caller, request_id)
            while found is None and time.monotonic() < deadline:
                time.sleep(POLL_S)
                found = _look_up(caller, request_id)
        finally:
            _may_wait.release()
    if found is None:
        raise NotFound("logged search", str(request_id))
    return found


def _look_up(caller: Caller, request_id: uuid.UUID) -> LoggedSearch | None:
    with db.reading() as session:
        found = queries.find_search(
            session, workspace_id=caller.workspace_id, request_id=request_id
        )
    if found is None or not any(caller.may_open(ident) for ident in found.collection_ids):
        return None
    return found


def _store(
    session: Session, collection: Collection, query: str, relevance: dict[str, int], split: str
) -> tuple[int, int]:
    """Store what feedback says of a query; return judgments stored and those left as they were."""
    row = judged.find_by_text(session, collection_id=collection.id, query=query)
    if row is None:
        ident = ident_of(query)
        columns = {
            "workspace_id": collection.workspace_id,
            "collection_id": collection.id,
            "external_id": ident,
            "query": query,
            "split": split,
            "source": HARVESTED,
        }
        query_id = judged.upsert_queries(session, [columns])[ident]
    else:
        query_id = row.id
    others = {
        one.external_id
        for one in judged.judgments_of(session, collection_id=collection.id, query_id=query_id)
        if one.judged_by != HARVESTED
    }
    rows = [
        {
            "query_id": query_id,
            "external_id": document,
            "relevance": grade,
            "judged_by": HARVESTED,
        }
        for document, grade in relevance.items()
        if document not in others
    ]
    judged.put_judgments(session, rows)
    return len(rows), len(relevance) - len(rows)
