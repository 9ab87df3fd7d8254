"""Pinning and hiding documents from the console: who may, what it does, and taking it back."""

import re
from typing import Any

from django.test import Client

from embedhub.search.ranking.curations import list_curations
from embedhub.search.request import SearchRequest
from embedhub.search.service import search
from tests.console.seed import House

NEW = "/admin/console/curation/new/"
SEARCH = "/admin/console/collection/search/"
UNDO = re.compile(r'action="(/admin/console/curation/\d+/(?:undo|redo)/)"')


def given(house: House, **fields: object) -> dict[str, object]:
    asked = {
        "collection": house.collection_id,
        "external_id": "volcano",
        "action": "pin",
        "query": "Breathe  milk",
        "position": "1",
        "note": "the editors' choice",
    }
    return asked | fields


def first_of(house: House, query: str = "breathe milk") -> str:
    return search(house.caller, "papers", SearchRequest(query)).hits[0].document.external_id


def offered(staff: Client) -> str:
    """Return the address of the undo button on the next page."""
    page: Any = staff.get("/admin/console/curation/")
    found = UNDO.search(page.content.decode())
    assert found
    return found[1]


def test_a_pin_holds_is_undone_and_put_back(house: House, staff: Client) -> None:
    from embedhub.console.models import StaffAction

    assert first_of(house) == "whales"
    answer: Any = staff.post(NEW, given(house))
    assert answer.status_code == 302
    assert first_of(house) == "volcano"
    assert staff.post(offered(staff)).status_code == 302
    assert first_of(house) == "whales"
    assert staff.post(offered(staff)).status_code == 302
    assert first_of(house) == "volcano"
    made = list_curations(house.caller, "papers")[-1]
    assert (made.external_id, made.query) == ("volcano", "breathe milk")
    assert made.created_by.startswith("staff ")
    done: Any = StaffAction.objects.filter(subject="pinned or hidden document")
    assert set(done.values_list("action", flat=True)) == {"pin document", "take back", "put back"}


def test_a_hit_is_hidden_from_the_search_page(house: House, staff: Client) -> None:
    address = f"{SEARCH}?collection={house.collection_id}&q=breathe+milk&mode=lexical"
    before: Any = staff.get(address)
    assert "Hide for this query" in before.content.decode()
    asked = {
        "collection": house.collection_id,
        "external_id": "whales",
        "action": "hide",
        "query": "breathe milk",
        "next": address,
    }
    answer: Any = staff.post(NEW, asked)
    assert answer["Location"] == address
    after: Any = staff.get(address)
    text = after.content.decode()
    assert text.count("is hidden in searches for") == 1
    assert "No hits" in text


def test_only_pages_of_this_server_are_gone_back_to(house: House, staff: Client) -> None:
    answer: Any = staff.post(NEW, given(house, next="https://elsewhere.example/"))
    assert answer["Location"] == "/admin/console/curation/"


def test_what_is_wrong_stands_beside_its_field(house: House, staff: Client) -> None:
    for wrong, words in (
        ({"external_id": "nobody"}, "no such document"),
        ({"position": "0"}, "greater than or equal to 1"),
        ({"action": "hide"}, "what is hidden has no place"),
        ({"external_id": ""}, "required"),
    ):
        answer: Any = staff.post(NEW, given(house, **wrong))
        assert answer.status_code == 200
        assert words in answer.content.decode()
    assert first_of(house) == "whales"


def test_only_who_may_curate_sees_and_does_it(house: House, clerk: Any) -> None:
    viewer = clerk("view_document", "view_curation", "view_collection")
    page: Any = viewer.get(f"{SEARCH}?collection={house.collection_id}&q=whales")
    assert "Pin for this query" not in page.content.decode()
    assert viewer.post(NEW, given(house)).status_code == 403
    for step in ("undo", "redo"):
        assert viewer.post(f"/admin/console/curation/1/{step}/").status_code == 403
    assert first_of(house) == "whales"


def test_undo_takes_a_post_and_a_row_that_is_there(house: House, staff: Client) -> None:
    assert staff.get("/admin/console/curation/1/undo/").status_code == 405
    assert staff.post("/admin/console/curation/999999999/undo/").status_code == 404
