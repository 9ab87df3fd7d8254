"""The overview of analyses: what was found where, what runs, and what to do next."""

from django.test import Client
from sqlalchemy import text

from embedhub import db
from tests.console.pages import html_of
from tests.console.seed import House


def test_an_empty_house_says_what_is_needed(staff: Client) -> None:
    assert "There is nothing to analyse yet" in html_of(staff.get("/admin/console/graph/analysis/"))


def test_the_overview_lists_what_there_is_and_what_was_found(house: House, staff: Client) -> None:
    html = html_of(staff.get("/admin/console/graph/analysis/"))
    assert f"?collection={house.collection_id}" in html
    assert "films" in html
    assert "label that may be wrong" in html


def test_a_collection_shows_its_analyses_and_the_run_under_way(house: House, staff: Client) -> None:
    with db.writing() as session:
        session.execute(
            text(
                "INSERT INTO runs (workspace_id, kind, subject, status, done, total, started_at,"
                " heartbeat_at, phase, arguments) VALUES (:workspace_id, 'scan_duplicates',"
                " :subject, 'running', 30, 120, now(), now(), 'comparing',"
                " jsonb_build_object('collection_id', :collection_id))"
            ),
            {
                "workspace_id": house.caller.workspace_id,
                "subject": f"collection {house.collection_id}, documents",
                "collection_id": house.collection_id,
            },
        )
    address = f"/admin/console/graph/analysis/?collection={house.collection_id}"
    html = html_of(staff.get(address))
    assert "Analysis of papers" in html
    assert "25%" in html
    assert "comparing" in html
    assert "data-live-active" in html
    assert "whole documents" in html
    # Of passages it is the same run of the same collection.
    assert "passages of documents" in html_of(staff.get(f"{address}&level=chunk"))


def test_what_is_gone_or_nonsense_is_not_found(house: House, staff: Client) -> None:
    for query in ("collection=987654321", "catalog=x", "collection=1%20OR%201"):
        assert staff.get(f"/admin/console/graph/analysis/?{query}").status_code == 404
    for url in ("nothing/start/", "topics/start/"):
        assert staff.post(f"/admin/console/graph/analysis/{url}").status_code == 404
        assert staff.get(f"/admin/console/graph/analysis/{url}").status_code == 405
