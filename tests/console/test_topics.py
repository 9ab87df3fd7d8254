"""The page of topics: what they are called, the map, one topic, a new fit, a new name."""

from typing import Any

from django.test import Client
from sqlalchemy import select

from embedhub import db
from embedhub.tables import Run, StaffAction, Topic
from tests.console.pages import html_of
from tests.console.seed import House

PAGE = "/admin/console/topicfit/topics/"


def test_an_empty_house_says_what_is_needed(staff: Client) -> None:
    assert "There is nothing to group yet" in html_of(staff.get(PAGE))


def test_topics_are_shown_with_sizes_words_and_typical_rows(house: House, staff: Client) -> None:
    assert f"{PAGE}?collection={house.collection_id}" in html_of(staff.get(PAGE))
    html = html_of(staff.get(f"{PAGE}?collection={house.collection_id}"))
    for expected in ("whales, ocean", "volcano, rock", "2 topics", "About whales", "Stability"):
        assert expected in html
    assert "&lt;script&gt;alert" in html or "<script>alert" not in html
    picture: Any = staff.get(f"{PAGE}map.png?collection={house.collection_id}")
    assert picture.content.startswith(b"\x89PNG")
    # Of passages there are none yet, which the page says, and offers to begin.
    passages = html_of(staff.get(f"{PAGE}?collection={house.collection_id}&level=chunk"))
    assert "No topics yet" in passages
    assert "Find topics" in passages


def test_a_topic_shows_its_rows_and_takes_a_name(house: House, staff: Client) -> None:
    address = f"{PAGE}?collection={house.collection_id}&topic=1"
    assert "Rows that belong to it most surely" in html_of(staff.get(address))
    given = {"collection": house.collection_id, "level": "document", "name": "Big animals"}
    html = html_of(staff.post(f"{PAGE}1/rename/", given, follow=True))
    assert "It is called “Big animals” from now on" in html
    assert "before, “whales, ocean”" in html
    with db.reading() as session:
        row = session.scalars(select(Topic).where(Topic.number == 1)).one()
        assert (row.name, row.name_source) == ("Big animals", "staff")
        actions = session.scalars(select(StaffAction.action)).all()
    assert "rename topic" in actions
    refused = html_of(staff.post(f"{PAGE}2/rename/", given, follow=True))
    assert "another topic is called" in refused
    assert "There are none." in html_of(
        staff.get(f"{PAGE}?collection={house.collection_id}&topic=none")
    )


def test_a_fit_is_started_as_the_form_says(house: House, staff: Client) -> None:
    given = {"collection": house.collection_id, "level": "chunk", "method": "kmeans", "k": "1"}
    refused = html_of(staff.post(f"{PAGE}start/", given))
    assert "greater than or equal to 2" in refused
    at_odds = given | {"method": "hdbscan", "k": "5"}
    assert "goes with method kmeans" in html_of(staff.post(f"{PAGE}start/", at_odds))
    html = html_of(staff.post(f"{PAGE}start/", given | {"k": "5"}, follow=True))
    assert "Topics are being found" in html
    assert "data-live-active" in html
    with db.reading() as session:
        run = session.scalars(select(Run).where(Run.kind == "fit_topics")).one()
    assert run.arguments["level"] == "chunk"
    assert (run.arguments["method"], run.arguments["k"]) == ("kmeans", 5)


def test_what_is_gone_or_nonsense_is_not_found(house: House, staff: Client) -> None:
    here = f"{PAGE}?collection={house.collection_id}"
    for query in ("&topic=99", "&topic=x"):
        assert staff.get(here + query).status_code == 404
    assert staff.get(f"{PAGE}?catalog=987654").status_code == 404
    assert staff.get(f"{PAGE}map.png").status_code == 404
    assert staff.get(f"{PAGE}start/").status_code == 405


def test_who_may_not_see_or_change_topics_is_refused(house: House, clerk: Any) -> None:
    here = f"{PAGE}?collection={house.collection_id}"
    given = {"collection": house.collection_id, "name": "x"}
    assert clerk("view_run").get(here).status_code == 403
    reader = clerk("view_topic", "view_topicfit")
    assert "Find topics" not in html_of(reader.get(here))
    assert reader.post(f"{PAGE}start/", given).status_code == 403
    assert reader.post(f"{PAGE}1/rename/", given).status_code == 403
