"""Users of whom little is known: by their text, by few events, by none."""

import numpy as np
import pytest

from embedhub import jobs
from embedhub.access.caller import Caller
from embedhub.recommend.history import History, history_of
from embedhub.recommend.request import NoteCode, ReasonKind, RecommendationRequest
from embedhub.recommend.service import recommend
from tests.catalog.factories import make_catalog, send_items, send_users
from tests.factories import encode_everything
from tests.recommend.shop import open_shop

FILMS = tuple(
    {"external_id": f"{topic}{n}", "fields": {"title": f"{topic} {n}"}}
    for topic in ("opera", "football")
    for n in range(6)
)


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "send", lambda job, **arguments: None)


def wanted(user: str, limit: int = 6) -> RecommendationRequest:
    return RecommendationRequest(user=user, limit=limit, relevance=1.0, collapse_duplicates=False)


def test_before_any_training_a_users_text_finds_what_is_like_it(caller: Caller) -> None:
    make_catalog(caller)
    send_items(caller, *FILMS)
    send_users(caller, {"external_id": "ann", "text": "football"}, {"external_id": "bob"})
    encode_everything()
    found = recommend(caller, "films", wanted("ann"))
    assert {hit.item.external_id[:8] for hit in found.hits} == {"football"}
    assert {reason.kind for hit in found.hits for reason in hit.reasons} == {ReasonKind.CONTENT}
    assert {note.code for note in recommend(caller, "films", wanted("bob")).notes} == {
        NoteCode.NO_VERSION,
        NoteCode.NO_INTERACTIONS,
    }


def test_a_users_text_counts_beside_what_is_popular_until_there_are_events(caller: Caller) -> None:
    shop = open_shop(caller)
    send_items(caller, {"external_id": "new", "fields": {"title": "football"}}, slug=shop.slug)
    send_users(caller, {"external_id": "ann", "text": "football"}, slug=shop.slug)
    encode_everything()
    found = recommend(caller, shop.slug, wanted("ann", 61))
    kinds = {reason.kind for hit in found.hits for reason in hit.reasons}
    assert kinds == {ReasonKind.POPULARITY, ReasonKind.CONTENT}
    assert [note.code for note in found.notes] == [NoteCode.NO_HISTORY]
    by_item = {hit.item.external_id: hit.score for hit in found.hits}
    without = recommend(caller, shop.slug, wanted("u-nobody", 61))
    assert by_item["new"] > {hit.item.external_id: hit.score for hit in without.hits}["new"]


def test_events_long_ago_are_left_out_where_newer_ones_count_far_more() -> None:
    history = history_of(range(100), 5.0)
    assert history.weighty == list(range(66))
    assert history_of(range(100), None).weighty == list(range(100))
    assert History((), np.zeros(0)).weighty == []
