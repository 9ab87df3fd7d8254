"""The queue of duplicates: the next pair side by side, decided, taken back; thresholds."""

import re
from typing import Any

import pytest
from django.test import Client

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.duplicates import service
from embedhub.duplicates.scanning import scan_duplicates
from embedhub.duplicates.service import PairFilter, PairView, Where
from embedhub.duplicates.word_diff import word_diff
from embedhub.graph import service as graphs
from embedhub.graph.service import Owner
from tests.factories import SilentProgress, encode_everything, make_collection, send

QUEUE = "/admin/console/duplicatepair/queue/"
WHERE = Where(Owner.COLLECTIONS, "papers")
TEXT = "Blue whales reach {} metres and feed on krill in cold seas where the water is full of it"
TEXTS = {"a": TEXT.format(30), "b": TEXT.format(30), "c": TEXT.format(31)}


@pytest.fixture
def papers(caller: Caller) -> int:
    """A collection with an exact pair and one that differs in a number; its id."""
    view = make_collection(caller)
    send(caller, *({"external_id": key, "text": text} for key, text in TEXTS.items()))
    encode_everything()
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, Owner.COLLECTIONS, "papers")
    scan_duplicates(SilentProgress(), subject.arguments)
    return view.id


def listed(caller: Caller, **wanted: Any) -> list[PairView]:
    return service.list_pairs(caller, WHERE, PairFilter(**wanted))


def shown(staff: Client, address: str) -> str:
    page: Any = staff.get(address)
    assert page.status_code == 200
    return str(page.content.decode())


def posted(staff: Client, papers: int, **fields: object) -> str:
    given = {"collection": papers, "level": "document", "queue": "automatic", **fields}
    answer: Any = staff.post(f"{QUEUE}decide/", given, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_pair_that_differs_in_a_number_stands_side_by_side(
    caller: Caller, staff: Client, papers: int
) -> None:
    page = shown(staff, f"{QUEUE}?collection={papers}")
    assert "another number" in page
    assert re.search(r'<del class="eh-gone eh-number-changed">30</del>', page)
    assert re.search(r'<ins class="eh-come eh-number-changed">31</ins>', page)
    assert "different numbers" in page


def test_a_decision_is_stored_and_taken_back(caller: Caller, staff: Client, papers: int) -> None:
    [exact] = listed(caller, is_automatic=True)
    page = posted(staff, papers, pair=exact.id, action="hide:left")
    assert "Undo" in page
    [decided] = listed(caller, status="confirmed")
    assert decided.decision is not None
    assert decided.decision.hidden == "b"
    assert decided.decision.decided_by == "staff sam"
    page = posted(staff, papers, pair=exact.id, action="undo", seen=decided.decision.id)
    assert "Taken back" in page
    assert listed(caller, status="confirmed") == []


def test_the_second_person_is_told_on_the_page(caller: Caller, staff: Client, papers: int) -> None:
    [exact] = listed(caller, is_automatic=True)
    service.decide_pair(
        caller, WHERE, exact.id, service.Wanted(service.Action.LINK), by="staff ada"
    )
    page = posted(staff, papers, pair=exact.id, action="not_duplicate")
    assert "staff ada decided" in page
    assert listed(caller, status="dismissed") == []


def test_thresholds_count_and_a_band_is_decided(caller: Caller, staff: Client, papers: int) -> None:
    address = f"{QUEUE}thresholds/?collection={papers}"
    assert "Estimated precision" in shown(staff, f"{address}&threshold=0.5")
    assert "must be a number" in shown(staff, f"{address}&threshold=much")
    band = {"collection": papers, "least": "0.95", "most": "1.01", "action": "link"}
    answer: Any = staff.post(f"{QUEUE}band/", band, follow=True)
    assert "1 pair decided" in answer.content.decode()
    assert len(listed(caller, status="confirmed")) == 1


def test_without_a_choice_the_page_offers_whose(staff: Client, papers: int) -> None:
    assert f"{QUEUE}?collection={papers}" in shown(staff, QUEUE)
    missing: Any = staff.get(f"{QUEUE}?collection=987654")
    assert missing.status_code == 404


def test_who_may_only_look_decides_nothing(clerk: Any, caller: Caller, papers: int) -> None:
    reader = clerk("view_duplicatepair", "view_collection")
    page = shown(reader, f"{QUEUE}?collection={papers}&queue=automatic")
    assert "Not duplicates</button>" not in page
    [exact] = listed(caller, is_automatic=True)
    given = {"collection": papers, "pair": exact.id, "action": "link"}
    for part in ("decide/", "band/", "start/"):
        refused: Any = reader.post(f"{QUEUE}{part}", given)
        assert refused.status_code == 403


def test_long_runs_that_are_the_same_are_cut() -> None:
    same = " ".join(f"word{n}" for n in range(300))
    left, right = word_diff(f"one {same} two", f"other {same} three")
    assert [piece.text for piece in left if piece.is_changed] == ["one", "two"]
    assert [piece.text for piece in right if piece.is_changed] == ["other", "three"]
    assert "…" in left[1].text
    assert len(left[1].text) < len(same) / 2
