"""Words found while the query is encoded: the same answer, and nothing that changed meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.documents.service import delete_documents
from embedhub.encoders import encode_query, is_known_query
from embedhub.search import answering, groundwork, question, service
from embedhub.search.groundwork import Groundwork
from embedhub.search.queries.target import Moment, find_target, is_unchanged
from embedhub.search.question import Search
from embedhub.search.request import Hit, SearchRequest, SearchResult
from embedhub.search.service import search
from embedhub.search.terms import analyse
from tests.factories import encode_everything, make_collection, send, send_texts

pytestmark = pytest.mark.usefixtures("sent_jobs")

TEXTS = ["cats sleep", "cats hunt at night", "dogs chase cats", "gardens grow beans"]


@pytest.fixture
def papers(caller: Caller) -> Caller:
    make_collection(caller)
    send_texts(caller, TEXTS)
    encode_everything()
    return caller


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """What happens while a query is being encoded, behind the transaction that finds its words."""
    begun: list[Callable[[], object]] = []
    is_over = Event()

    def encode(encoder: str, asked: str) -> Any:
        if not is_known_query(encoder, asked):
            is_over.wait(10)
        return encode_query(encoder, asked)

    def happen(futures: Any) -> None:
        for call in begun:
            call()
        is_over.set()
        wait(futures)
        is_over.clear()

    monkeypatch.setattr(question, "encode_query", encode)
    monkeypatch.setattr(service, "wait", happen)
    yield begun
    is_over.set()


def ids(result: SearchResult) -> list[str]:
    return [hit.document.external_id for hit in result.hits]


def told(hit: Hit) -> object:
    return hit.document.external_id, hit.score, hit.highlights, hit.explain


def test_words_found_ahead_give_the_same_answer(
    papers: Caller, meanwhile: list[Callable[[], object]]
) -> None:
    # Known now, so that the first one need not be encoded.
    search(papers, "papers", SearchRequest(query="beans"))
    asked = SearchRequest(query="cats at night")
    free: list[int] = []
    meanwhile.append(lambda: free.append(db.engine().pool.checkedout()))  # type: ignore[attr-defined]
    ahead = search(papers, "papers", asked)
    assert free == [0], "a transaction is open while the query is encoded"
    known = search(papers, "papers", asked)
    assert list(map(told, ahead.hits)) == list(map(told, known.hits))
    assert ahead.notes == known.notes


def test_words_are_searched_once_if_nothing_happens(
    papers: Caller, meanwhile: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    del meanwhile
    search(papers, "papers", SearchRequest(query="beans"))
    asked: list[str] = []

    def counted(*args: Any) -> Any:
        asked.append("once more")
        return analyse(*args)

    monkeypatch.setattr(groundwork, "analyse", counted)
    search(papers, "papers", SearchRequest(query="cats"))
    assert len(asked) == 1


def test_what_is_encoded_by_then_is_answered_in_the_same_snapshot(
    papers: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(papers, "papers", SearchRequest(query="beans"))
    is_laid = Event()

    def encode(encoder: str, asked: str) -> Any:
        assert is_known_query(encoder, asked) or is_laid.wait(10)
        return encode_query(encoder, asked)

    def slowly(session: Session, *, search: Search) -> Groundwork:
        ground = groundwork.lay_ahead(session, search=search)
        is_laid.set()
        wait(search.encoded.values())
        return ground

    def again(*_: object, **__: object) -> bool:
        raise AssertionError("compared with another snapshot")

    monkeypatch.setattr(question, "encode_query", encode)
    monkeypatch.setattr(answering, "lay_ahead", slowly)
    monkeypatch.setattr(answering, "still_holds", again)
    ahead = search(papers, "papers", SearchRequest(query="dogs at night"))
    assert is_laid.is_set()
    known = search(papers, "papers", SearchRequest(query="dogs at night"))
    assert list(map(told, ahead.hits)) == list(map(told, known.hits))


def test_what_is_deleted_meanwhile_leaves_no_gap(
    papers: Caller, meanwhile: list[Callable[[], object]]
) -> None:
    search(papers, "papers", SearchRequest(query="beans"))
    first = search(papers, "papers", SearchRequest(query="cats", limit=2))
    best = ids(first)[0]
    meanwhile.append(lambda: delete_documents(papers, "papers", external_ids=[best]))
    after = search(papers, "papers", SearchRequest(query="the cats", limit=2))
    assert best not in ids(after)
    assert len(after.hits) == 2


def test_what_arrives_meanwhile_is_found(
    papers: Caller, meanwhile: list[Callable[[], object]]
) -> None:
    search(papers, "papers", SearchRequest(query="beans"))
    meanwhile.append(lambda: send(papers, {"external_id": "new", "text": "a heron"}))
    assert ids(search(papers, "papers", SearchRequest(query="heron")))[0] == "new"


def test_what_is_closed_meanwhile_is_not_shown(
    papers: Caller, meanwhile: list[Callable[[], object]]
) -> None:
    search(papers, "papers", SearchRequest(query="beans"))
    guest = papers.narrowed(["guest"])
    closed = {"external_id": "0", "text": TEXTS[0], "access": ["staff"]}
    meanwhile.append(lambda: send(papers, closed))
    assert "0" not in ids(search(guest, "papers", SearchRequest(query="cats sleep")))


def test_a_moment_is_over_when_something_was_committed_or_expired(papers: Caller) -> None:
    before = moment(papers)
    assert is_as_at(papers, before)
    send(papers, {"external_id": "short-lived", "text": "a mayfly"})
    assert not is_as_at(papers, before)
    with db.writing() as session:
        session.execute(text("UPDATE documents SET expires_at = now() - interval '1 minute'"))
    now = moment(papers)
    assert is_as_at(papers, now)
    assert not is_as_at(papers, replace(now, time=now.time - timedelta(hours=1)))


def moment(caller: Caller) -> Moment:
    with db.reading() as session:
        found = find_target(session, workspace_id=caller.workspace_id, slug="papers")
    assert found is not None
    return found.state.moment


def is_as_at(caller: Caller, since: Moment) -> bool:
    with db.reading() as session:
        found = find_target(session, workspace_id=caller.workspace_id, slug="papers")
        assert found is not None
        return is_unchanged(session, since=since, collection_ids=[found.collection.id])
