"""Staff see how documents become passages, and change it by a run."""

import re
from typing import Any

import pytest
from django.test import Client

from embedhub.access.caller import Caller
from embedhub.collections.service import get_collection
from tests.console.pages import html_of
from tests.factories import make_collection, send


@pytest.fixture
def papers(caller: Caller) -> str:
    collection = make_collection(caller, "papers")
    send(caller, {"external_id": "a", "text": "Whales breathe air. Bats fly."})
    return f"/admin/console/collection/{collection.id}/chunking/"


def test_the_chunking_is_changed_and_leads_to_its_run(
    caller: Caller, papers: str, staff: Client
) -> None:
    page = html_of(staff.get(papers))
    assert "passages of at most 200 tokens, without overlap" in page
    assert "A run parts every document anew (1 document)" in page
    wanted = {"strategy": "sentence_window", "overlap_tokens": "30", "window_sentences": "1"}
    answer = html_of(staff.post(papers, wanted, follow=True))
    assert "rechunk documents" in answer
    assert "single sentences of at most 200 tokens, 1 sentence around" in answer
    stored = get_collection(caller, "papers").chunking
    assert (stored["strategy"], stored["window_sentences"]) == ("sentence_window", 1)
    assert "A run parts the documents anew" in html_of(staff.get(papers))
    assert "Nothing was changed" in html_of(staff.post(papers, wanted, follow=True))


def test_another_chunking_is_tried_beside_and_can_be_made_live(
    caller: Caller, papers: str, staff: Client
) -> None:
    answer = html_of(staff.post(papers, {"strategy": "document", "try": "1"}, follow=True))
    assert "copy documents" in answer
    assert "fills the collection papers-one-passage-each" in answer
    assert get_collection(caller, "papers").chunking["strategy"] == "passages"
    listed = html_of(staff.get("/admin/console/variant/"))
    [address] = set(re.findall(r"/admin/console/variant/\d+/", listed))
    assert "Make it live" in html_of(staff.get(f"{address}change/"))
    assert "A run parts every document of papers anew" in html_of(staff.get(f"{address}apply/"))
    assert "rechunk documents" in html_of(staff.post(f"{address}apply/", follow=True))
    assert get_collection(caller, "papers").chunking["strategy"] == "document"


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_tokens", "3"), ("overlap_tokens", "150"), ("max_tokens", "many"), ("strategy", "x")],
)
def test_a_wrong_number_is_told_beside_its_field(
    caller: Caller, papers: str, staff: Client, field: str, value: str
) -> None:
    _, *wrong = html_of(staff.post(papers, {"strategy": "passages", field: value})).split(
        '<div class="errors '
    )
    assert [re.findall(r'name="(\w+)"', part)[0] for part in wrong] == [field]
    assert get_collection(caller, "papers").chunking["strategy"] == "passages"
    assert "A run parts the documents anew" not in html_of(staff.get(papers))


def test_only_who_may_changes_it(caller: Caller, papers: str, clerk: Any) -> None:
    reader = clerk("view_collection")
    assert "Change the chunking" not in html_of(reader.get(papers))
    assert reader.post(papers, {"strategy": "document"}).status_code == 403
    assert get_collection(caller, "papers").chunking["strategy"] == "passages"


def test_supplied_vectors_leave_nothing_to_choose(caller: Caller, staff: Client) -> None:
    ident = make_collection(caller, "own", encoder="supplied", dimension=3).id
    page = html_of(staff.get(f"/admin/console/collection/{ident}/chunking/"))
    assert "Its vectors are supplied" in page
    assert "Change the chunking" not in page


def test_settings_are_told_in_words() -> None:
    from embedhub.console.pages.chunking import setting_words

    assert setting_words({"strategy": "document"}) == "one passage each"
    shared = {"max_tokens": 1_000, "overlap_tokens": 50}
    assert setting_words(shared) == (
        "passages of at most 1,000 tokens, sharing up to 50 with their neighbours"
    )
