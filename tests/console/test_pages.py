"""What staff see: empty houses, full ones, big ones, and nothing that is not theirs."""

import re

import pytest
from django.test import Client
from sqlalchemy import text

from embedhub import db
from embedhub.access.service import create_workspace
from tests.console.pages import LISTS, every_page, html_of
from tests.console.seed import House
from tests.factories import send


def n_queries(staff: Client, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        html_of(staff.get(url))
    return len(captured)


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_says_why_and_what_next(staff: Client, name: str) -> None:
    html = html_of(staff.get(f"/admin/console/{name}/"))
    assert 'class="eh-empty"' in html


def test_an_empty_house_says_what_to_do_next(staff: Client) -> None:
    html = html_of(staff.get("/admin/"))
    assert "What to do next" in html
    assert "/admin/console/workspace/new/" in html
    create_workspace("first")
    html = html_of(staff.get("/admin/"))
    assert "/admin/console/workspace/new/" not in html
    assert "/admin/console/apikey/new/" in html


def test_a_house_at_work_has_no_list_of_first_steps(house: House, staff: Client) -> None:
    html = html_of(staff.get("/admin/"))
    assert "What to do next" not in html
    assert "dead letters" in html
    assert "grow space" in html
    assert "papers" in html


def test_a_key_cannot_be_made_before_a_workspace(staff: Client) -> None:
    assert "There is no workspace yet" in html_of(staff.get("/admin/console/apikey/new/"))


def test_every_page_has_one_title_and_labels_its_fields(house: House, staff: Client) -> None:
    # Both belong to the frame and are named by their placeholder.
    of_the_frame = {"searchbar", "search-input-command"}
    tags = re.compile(r'<(?:input|select|textarea)\b[^>]*\bid="([^"]+)"[^>]*>')
    for url in every_page(house):
        html = html_of(staff.get(url))
        assert len(re.findall(r"<h1\b", html)) == 1, url
        for tag in tags.finditer(html):
            is_named = f'for="{tag[1]}"' in html or "aria-label" in tag[0]
            is_seen = 'type="hidden"' not in tag[0] and tag[1] not in of_the_frame
            assert is_named or not is_seen, (url, tag[1])


@pytest.mark.parametrize("name", ["document", "chunk", "documentversion", "collection", "pending"])
def test_more_rows_cost_no_more_queries(house: House, staff: Client, name: str) -> None:
    url = f"/admin/console/{name}/"
    before = n_queries(staff, url)
    send(house.caller, *({"external_id": f"more-{i}", "text": f"Text {i}."} for i in range(20)))
    if name == "collection":
        from tests.factories import make_collection

        for i in range(5):
            make_collection(house.caller, f"more-{i}")
    assert n_queries(staff, url) == before


def test_home_costs_few_queries(house: House, staff: Client) -> None:
    assert n_queries(staff, "/admin/") <= 10


def test_a_big_table_is_not_counted_to_its_end(
    house: House, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from embedhub.console import paging

    monkeypatch.setattr(paging, "COUNT_BOUND", 3)
    with CaptureQueriesContext(connection) as captured:
        html = html_of(staff.get("/admin/console/document/"))
    counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"]]
    assert counts
    assert all("LIMIT 4" in sql for sql in counts)
    assert "more than 3" in html
    assert "only the first 3" in html


def test_metadata_is_a_table_not_a_dump(house: House, staff: Client) -> None:
    from embedhub.console.models import Document

    pk = Document.objects.get(external_id="whales").pk
    html = html_of(staff.get(f"/admin/console/document/{pk}/change/"))
    assert '<th scope="row">author</th>' in html
    assert '<th scope="row">name</th><td>Ada</td>' in html
    assert "{&quot;" not in html
    assert "{'author'" not in html


def test_a_document_shows_where_the_vector_of_each_chunk_stands(
    house: House, staff: Client
) -> None:
    from embedhub.console.models import Document

    words = {"whales": "embedded", "broken": "dead letter", "new": "waits for its vector"}
    for name, state in words.items():
        pk = Document.objects.get(external_id=name).pk
        assert state in html_of(staff.get(f"/admin/console/document/{pk}/change/")), name


def test_documents_are_found_by_id_and_by_title(house: House, staff: Client) -> None:
    for asked in ("volc", "volcano", "About volcano", "out VOLC"):
        html = html_of(staff.get("/admin/console/document/", {"q": asked}))
        assert "volcano</a>" in html, asked
        assert "whales</a>" not in html, asked


def test_progress_counts_what_is_embedded_pending_and_dead(house: House, staff: Client) -> None:
    html = html_of(staff.get("/admin/console/collection/"))
    assert "66%" in html
    assert "1 pending" in html
    assert "1 dead" in html
    assert "data-live-active" in html


def test_a_space_on_its_own_shelf_still_shows_progress(house: House, staff: Client) -> None:
    with db.writing() as session:
        session.execute(text("UPDATE spaces SET shelf_id = 987654 WHERE kind = 'dense'"))
    assert html_of(staff.get("/admin/console/collection/"))


@pytest.mark.parametrize("name", LISTS)
def test_a_row_that_is_not_there_leads_back(staff: Client, name: str) -> None:
    for key in ("987654321", "nonsense", "1.2.3"):
        answer = staff.get(f"/admin/console/{name}/{key}/change/")
        assert answer.status_code in {302, 404}, key


def test_a_search_that_takes_too_long_leads_back_with_advice(house: House, staff: Client) -> None:
    from django.db import connection

    with db.engine().begin() as blocker:
        blocker.execute(text("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE"))
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 200")
        answer = staff.get("/admin/console/document/", {"q": "whales"})
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/console/document/"
    assert "took too long" in staff.get("/admin/console/document/").content.decode()


def test_names_of_rows_stand_as_they_are(house: House, staff: Client) -> None:
    html = html_of(staff.get(f"/admin/console/collection/{house.collection_id}/change/"))
    title = html[html.index("<h1") : html.index("</h1>")]
    assert "papers" in title
    assert "Papers" not in title
