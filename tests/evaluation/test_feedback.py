"""Clicks: about a real search, about a document that may be seen, and then judgments."""

import uuid

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound
from embedhub.evaluation import service
from embedhub.evaluation.feedback import (
    FeedbackKind,
    HarvestTally,
    forget_old,
    graded,
    harvest,
    record_feedback,
)
from embedhub.evaluation.queries.feedback import FeedbackCounts
from embedhub.search.request import SearchRequest
from embedhub.search.service import search
from tests.factories import encode_everything, make_collection, send

CLICK, LIKE, DISLIKE = FeedbackKind


@pytest.fixture
def papers(caller: Caller) -> Caller:
    make_collection(caller)
    send(
        caller,
        {"external_id": "open", "text": "an open text"},
        {"external_id": "closed", "text": "a closed text", "access": ["keepers"]},
    )
    encode_everything()
    return caller


@pytest.fixture(autouse=True)
def no_waiting(database: str) -> object:
    override_config(feedback_wait_s=0)
    yield
    override_config(feedback_wait_s=1.5)


def asked(caller: Caller, query: str) -> uuid.UUID:
    return search(caller, "papers", SearchRequest(query=query)).request_id


def n_rows() -> int:
    with db.reading() as session:
        return int(session.execute(text("SELECT count(*) FROM feedback")).scalar_one())


def test_feedback_follows_its_search_at_once_and_counts_once(papers: Caller) -> None:
    request_id = asked(papers, "text")  # its log entry is not written yet
    for _ in range(2):
        record_feedback(papers, request_id, "open", CLICK)
    record_feedback(papers, request_id, "open", LIKE)
    assert n_rows() == 2


def test_made_up_searches_and_those_of_others_are_refused(papers: Caller, stranger: Caller) -> None:
    request_id = asked(papers, "text")
    with pytest.raises(NotFound, match="logged search"):
        record_feedback(papers, uuid.uuid4(), "open", CLICK)
    with pytest.raises(NotFound, match="logged search"):
        record_feedback(stranger, request_id, "open", CLICK)
    with pytest.raises(NotFound, match="document"):
        record_feedback(papers, request_id, "missing", CLICK)
    assert n_rows() == 0


def test_feedback_does_not_tell_of_documents_that_are_closed(papers: Caller) -> None:
    guest = papers.narrowed(["guests"])
    request_id = asked(guest, "text")
    for external_id in ("closed", "missing"):
        with pytest.raises(NotFound) as raised:
            record_feedback(guest, request_id, external_id, CLICK)
        assert str(raised.value) == f"no document {external_id!r}"
    record_feedback(papers.narrowed(["keepers"]), request_id, "closed", CLICK)
    assert n_rows() == 1


def test_without_a_log_feedback_says_why_it_is_refused(papers: Caller) -> None:
    override_config(search_log_days=0)
    try:
        with pytest.raises(Conflict, match="not logged"):
            record_feedback(papers, uuid.uuid4(), "open", CLICK)
    finally:
        override_config(search_log_days=30)


def test_clicks_become_judgments_and_those_of_people_stay(papers: Caller) -> None:
    service.judge(papers, "papers", "text", {"closed": 0}, judged_by="sam")
    for _ in range(2):
        request_id = asked(papers, "Text ")
        record_feedback(papers, request_id, "open", CLICK)
        record_feedback(papers, request_id, "closed", CLICK)
    record_feedback(papers, asked(papers, "text"), "open", CLICK)
    record_feedback(papers, asked(papers, "seldom"), "open", CLICK)
    assert harvest(papers, "papers") == HarvestTally(1, 2, 1, 0)
    rows = {row.query: row for row in service.list_judged(papers, "papers")}
    # What was asked most names the query; another spelling was judged by staff.
    assert rows["Text "].source == "feedback"
    assert service.judged_state(papers, "papers", "Text ").relevance == {"open": 1, "closed": 1}
    assert service.judged_state(papers, "papers", "text").relevance == {"closed": 0}
    # Judged by a person meanwhile, a pair is left alone.
    service.judge(papers, "papers", "Text ", {"closed": 0}, judged_by="sam")
    record_feedback(papers, asked(papers, "Text "), "open", LIKE)
    assert harvest(papers, "papers") == HarvestTally(1, 1, 1, 1)
    assert service.judged_state(papers, "papers", "Text ").relevance == {"open": 2, "closed": 0}


def test_what_is_said_outweighs_what_is_clicked() -> None:
    def counts(query: str, clicks: int, likes: int, dislikes: int) -> FeedbackCounts:
        return FeedbackCounts(query, "d", clicks, likes, dislikes)

    rows = [
        counts("clicked", 2, 0, 0),
        counts("once", 1, 0, 0),
        counts("liked", 0, 1, 0),
        counts("disliked", 9, 0, 1),
        counts("disputed", 9, 1, 1),
        counts("Once", 1, 0, 0),
    ]
    found, n_undecided = graded(rows, min_clicks=2)
    assert found == {
        "clicked": {"d": 1},
        "once": {"d": 1},
        "liked": {"d": 2},
        "disliked": {"d": 0},
    }
    assert n_undecided == 1


def test_bound_callers_and_strange_numbers_harvest_nothing(papers: Caller) -> None:
    with pytest.raises(Forbidden):
        harvest(papers.narrowed(["guests"]), "papers")
    with pytest.raises(InvalidInput):
        harvest(papers, "papers", min_clicks=0)


def test_old_feedback_is_forgotten(papers: Caller) -> None:
    record_feedback(papers, asked(papers, "text"), "open", CLICK)
    assert forget_old() == 0
    with db.writing() as session:
        session.execute(text("UPDATE feedback SET created_at = now() - interval '91 days'"))
    assert forget_old() == 1
    assert n_rows() == 0
