"""The page to ask on: answers without a language model, citations that lead to passages."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.console.seed import SCRIPT, House
from tests.factories import encode_everything

URL = "/admin/console/collection/ask/"
WHALES = "What is the largest animal?"


def ask(staff: Client, house: House, **fields: object) -> str:
    given: dict[str, Any] = {"collection": house.collection_id, "q": WHALES, "method": "extractive"}
    answer = staff.get(URL, given | fields)
    assert answer.status_code == 200
    return str(answer.content.decode())


def hrefs(html: str) -> list[str]:
    return [unescape(href) for href in re.findall(r'class="eh-mark" href="([^"]+)"', html)]


def test_an_answer_is_shown_with_numbered_citations(house: House, staff: Client) -> None:
    encode_everything()
    html = ask(staff, house)
    assert "Every sentence is backed by the passage it cites" in html
    assert "About whales" in html
    assert hrefs(html)


def test_a_citation_leads_to_the_marked_passage(house: House, staff: Client) -> None:
    encode_everything()
    [href, *_] = hrefs(ask(staff, house))
    page = staff.get(href).content.decode()
    marked = re.search(r'<mark id="passage">(.*?)</mark>', page, re.DOTALL)
    assert marked is not None
    assert "largest" in marked[1]
    assert "of version 1" in page


def test_the_page_of_a_passage_is_told(house: House, staff: Client) -> None:
    encode_everything()
    [href, *_] = hrefs(ask(staff, house))
    found = re.search(r"/document/(\d+)/", href)
    assert found is not None
    set_pages(int(found[1]), [0, 0, 1_000_000])
    assert "Page 2, characters" in staff.get(href).content.decode()


def set_pages(document_id: int, starts: list[int]) -> None:
    from sqlalchemy import text

    from embedhub import db

    with db.writing() as session:
        session.execute(
            text("UPDATE document_versions SET page_starts = :starts WHERE document_id = :id"),
            {"starts": starts, "id": document_id},
        )


def test_what_is_not_there_is_not_found(house: House, staff: Client) -> None:
    encode_everything()
    html = ask(staff, house, q="How many goals did the visiting striker score last Sunday?")
    assert "Not found in the documents" in html
    assert "Nearest passages" in html
    assert not hrefs(html)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"q": "   "}, "Type a question"),
        ({"q": "x" * 20_000}, "longer than 10000"),
        ({"filter": '{"year": {"$near": 3}}'}, "$near"),
        ({"collection": "987654"}, "not one of the available choices"),
        ({"method": "magic"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_asked_is_said_on_the_page(
    house: House, staff: Client, fields: dict[str, object], reason: str
) -> None:
    html = ask(staff, house, **fields)
    assert 'role="alert"' in html
    assert reason in html


def test_answers_are_escaped(house: House, staff: Client) -> None:
    encode_everything()
    html = ask(staff, house, q="script alert whales")
    assert SCRIPT not in html
    assert "<script>alert" not in html


def test_staff_ask_through_a_callers_eyes(house: House, staff: Client) -> None:
    encode_everything()
    seen = ask(staff, house, q="What do volcanoes do?", principals="group:sales")
    hidden = ask(staff, house, q="What do volcanoes do?", principals="group:other")
    assert "About volcano" in seen
    assert "About volcano" not in hidden


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("version=77&start=0&end=5", "no longer kept"),
        ("version=1&start=5&end=99999999", "no such passage"),
        ("version=1&start=9&end=3", "no such passage"),
    ],
)
def test_a_passage_that_is_gone_is_told(
    house: House, staff: Client, query: str, words: str
) -> None:
    encode_everything()
    [href, *_] = hrefs(ask(staff, house))
    assert words in staff.get(f"{href.partition('?')[0]}?{query}").content.decode()


@pytest.mark.parametrize("query", ["version=x&start=0&end=5", "version=1", "start=-1&end=3"])
def test_an_address_that_names_no_passage_shows_the_document(
    house: House, staff: Client, query: str
) -> None:
    from embedhub.console import models

    document: Any = models.Document.objects.first()
    html = staff.get(f"/admin/console/document/{document.pk}/change/?{query}").content.decode()
    assert "Cited passage" not in html


def test_whoever_may_not_see_documents_may_not_ask(house: House, clerk: Any) -> None:
    asked = {"collection": str(house.collection_id), "q": WHALES}
    assert clerk("view_run").get(URL, asked).status_code == 403
