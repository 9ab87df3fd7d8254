"""The search page: hits in words, reasons, limits, and no script of a document ever runs."""

from typing import Any

import pytest
from django.test import Client

from tests.console.seed import SCRIPT, House
from tests.factories import encode_everything

URL = "/admin/console/collection/search/"


def ask(staff: Client, house: House, **fields: object) -> str:
    given: dict[str, Any] = {"collection": house.collection_id, "q": "largest animal"}
    answer = staff.get(URL, given | fields)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_page_offers_collections_by_workspace(house: House, staff: Client) -> None:
    html = staff.get(URL, {"collection": house.collection_id}).content.decode()
    assert '<optgroup label="acme">' in html
    assert "papers" in html
    assert "eh-hits" not in html


def test_hits_come_with_marks_bars_and_legs(house: House, staff: Client) -> None:
    html = ask(staff, house)
    assert "About whales" in html
    assert "<mark>largest</mark>" in html
    assert 'class="eh-fill" style="width: ' in html
    assert "rank 1, similarity" in html
    assert "Meaning" in html
    assert "Words" in html
    assert "How this list was made" in html
    assert "every row that passes compared" in html


def test_an_incomplete_list_says_why(house: House, staff: Client) -> None:
    assert "may not be complete" in ask(staff, house)
    house_is_done(house, staff)
    assert "the list is complete" in ask(staff, house)


def house_is_done(house: House, staff: Client) -> None:
    staff.post("/admin/console/deadletter/retry-all/", {"collection": ""})
    encode_everything()


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_every_mode_finds_by_what_it_knows(house: House, staff: Client, mode: str) -> None:
    html = ask(staff, house, q="volcano lava", mode=mode)
    assert "About volcano" in html


def test_documents_are_escaped_in_hits(house: House, staff: Client) -> None:
    html = ask(staff, house, q="script alert whales")
    assert SCRIPT not in html
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html.replace("<mark>", "").replace("</mark>", "")


def test_the_query_itself_is_escaped(house: House, staff: Client) -> None:
    html = ask(staff, house, q='"><script>alert(1)</script>', filter='"><script>alert(2)</script>')
    assert "<script>alert(" not in html


def test_a_filter_narrows_the_hits(house: House, staff: Client) -> None:
    html = ask(staff, house, q="whales", filter='{"year": 2026}')
    assert "About whales" in html
    assert "About postgres" not in html


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"filter": "{year: 1}"}, "This is no JSON"),
        ({"filter": '{"year": {"$near": 3}}'}, "$near"),
        ({"filter": "[" * 5000}, "This is no JSON"),
        ({"q": "   "}, "Type what to look for"),
        ({"q": "x" * 20_000}, "10"),
        ({"mode": "magic"}, "not one of the available choices"),
        ({"collection": "987654"}, "not one of the available choices"),
        ({"cursor": "nonsense"}, "ursor"),
        ({"principals": "x" * 300}, "characters"),
    ],
)
def test_what_cannot_be_searched_is_said_on_the_page(
    house: House, staff: Client, fields: dict[str, object], reason: str
) -> None:
    html = ask(staff, house, **fields)
    assert 'role="alert"' in html
    assert reason in html
    assert "eh-hits" not in html


def test_staff_can_look_through_a_callers_eyes(house: House, staff: Client) -> None:
    everything = ask(staff, house, q="volcano")
    assert "About volcano" in everything
    assert "About volcano" not in ask(staff, house, q="volcano", principals="group:other")
    assert "About volcano" in ask(staff, house, q="volcano", principals="group:other, group:sales")


def test_further_hits_are_a_link_away(
    house: House, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from embedhub.console.pages import search

    monkeypatch.setattr(search, "HITS_A_PAGE", 1)
    first: Any = staff.get(URL, {"collection": str(house.collection_id), "q": "whales"})
    following = first.context_data["next_page"]
    assert following
    second: Any = staff.get(URL + following)
    shown = [answer.context_data["hits"][0].title for answer in (first, second)]
    assert len(set(shown)) == 2


def test_a_collection_that_is_being_deleted_is_not_offered(house: House, staff: Client) -> None:
    from embedhub.collections.service import delete_collection

    delete_collection(house.caller, "papers")
    asked = {"collection": str(house.collection_id), "q": "whales"}
    html = staff.get(URL, asked).content.decode()
    assert "nothing to search yet" in html
