"""What a collection's page says of its index and of filters."""

import pytest
from django.test import Client
from sqlalchemy import text

from embedhub import db
from embedhub.collections.service import delete_collection
from embedhub.config import override_config
from tests.console.pages import html_of
from tests.console.seed import House


def set_index(house: House, *, is_indexed: bool) -> None:
    with db.writing() as session:
        session.execute(
            text("UPDATE spaces SET shelf_id = 77, is_indexed = :is_indexed WHERE kind = 'dense'"),
            {"is_indexed": is_indexed},
        )


def add_checks(recall: float, n_queries: int = 200, filter_class: str = "none") -> None:
    with db.writing() as session:
        session.execute(
            text(
                "INSERT INTO recall_samples (workspace_id, space_id, filter_class, n_queries,"
                " recall, lowest, plans, took_ms) SELECT workspace_id, id, :filter_class, :n,"
                " :recall, 0.4, '{\"hnsw\": 200}', 1 FROM spaces WHERE kind = 'dense'"
            ),
            {"recall": recall, "n": n_queries, "filter_class": filter_class},
        )


def page(house: House, staff: Client) -> str:
    return html_of(staff.get(f"/admin/console/collection/{house.collection_id}/change/"))


def test_a_small_collection_is_searched_exactly(house: House, staff: Client) -> None:
    html = page(house, staff)
    assert "Small enough to be searched exactly" in html
    assert "checked searches" not in html


def test_an_index_that_was_not_checked_yet_says_when_it_will_be(
    house: House, staff: Client
) -> None:
    set_index(house, is_indexed=True)
    assert "The index was not checked yet. Every 120 s" in page(house, staff)
    override_config(recall_s=0)
    try:
        assert "Nothing checks the index" in page(house, staff)
    finally:
        override_config(recall_s=120)


def test_what_the_index_finds_is_said_in_words(house: House, staff: Client) -> None:
    set_index(house, is_indexed=True)
    add_checks(0.9871)
    html = page(house, staff)
    assert (
        "In 200 checked searches without a filter the index found 98.7 % of the true ten nearest."
        in html
    )
    assert "40 %" in html
    assert "hnsw 200" in html
    assert "EMBEDHUB_EF_SEARCH" not in html


def test_a_low_recall_is_a_warning_with_a_remedy(house: House, staff: Client) -> None:
    set_index(house, is_indexed=True)
    add_checks(0.9)
    add_checks(0.5, n_queries=3, filter_class="10%")
    html = page(house, staff)
    assert html.count("raise EMBEDHUB_EF_SEARCH") == 1, "three searches are no ground to warn"
    assert "eh-note-warn" in html
    override_config(recall_warning=0.9)
    try:
        assert "EMBEDHUB_EF_SEARCH" not in page(house, staff)
    finally:
        override_config(recall_warning=0.95)


def test_advice_on_filters_stands_on_the_page(house: House, staff: Client) -> None:
    with db.writing() as session:
        session.execute(
            text("UPDATE filter_usage SET field = 'size<b>', n_searches = 300, hour = now()")
        )
    html = page(house, staff)
    assert "size&lt;b&gt; is filtered 300 times an hour and has no index for its ranges" in html


def test_a_collection_being_deleted_has_its_page_all_the_same(house: House, staff: Client) -> None:
    delete_collection(house.caller, "papers")
    html = page(house, staff)
    assert "being deleted" in html
    assert "What the index finds" not in html


@pytest.mark.parametrize("ident", ["987654321", "nonsense"])
def test_a_page_of_no_collection_leads_back(house: House, staff: Client, ident: str) -> None:
    answer = staff.get(f"/admin/console/collection/{ident}/change/")
    assert answer.status_code == 302
