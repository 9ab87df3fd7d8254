"""The recommender's pages: history, list and why; rules with their preview; experiments."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from embedhub.access.caller import Caller
from embedhub.errors import NotFound
from embedhub.recommend.experiments.service import get_experiment
from embedhub.recommend.rules.service import get_placement
from tests.catalog.factories import act, make_catalog, send_items, send_users
from tests.console.pages import html_of

Clerk = Callable[..., Client]


@pytest.fixture
def films(caller: Caller) -> Caller:
    """A catalog in which u1 has seen two films of four, and u2 all but one."""
    make_catalog(caller)
    send_items(
        caller,
        *(
            {
                "external_id": f"m{n}",
                "fields": {"title": f"Film no. {n} <b>"},
                "categories": ["horror" if n % 2 else "crime"],
                "attributes": {"year": 1990 + n},
            }
            for n in range(1, 7)
        ),
    )
    send_users(caller, {"external_id": "u1"}, {"external_id": "u2"})
    act(caller, *({"user": "u2", "item": f"m{n}"} for n in range(1, 6)), {"item": "m1"})
    return caller


def row(kind: str, /, **wanted: Any) -> Any:
    from embedhub.console import models

    rows: Any = getattr(models, kind).objects
    return rows.get(**wanted)


def page_of(staff: Client, kind: str, suffix: str = "change/", /, **wanted: Any) -> str:
    ident = row(kind, **wanted).pk
    return html_of(staff.get(f"/admin/console/{kind.lower()}/{ident}/{suffix}"))


def test_a_users_page_shows_history_list_and_why(films: Caller, staff: Client) -> None:
    page = page_of(staff, "User", external_id="u1")
    assert "Film no. 1 &lt;b&gt;" in page
    assert "Nothing is trained yet" in page
    assert "Film no. 2" in page
    assert "why: popular" in page
    told = page_of(staff, "User", "change/?why_not=m1", external_id="u1")
    assert "Why not “Film no. 1 &lt;b&gt;”?" in told
    assert "The user has seen the item." in told
    assert "The catalog does not know the item." in page_of(
        staff, "User", "change/?why_not=gone", external_id="u1"
    )


def test_an_interaction_changes_the_list_on_the_next_look(films: Caller, staff: Client) -> None:
    offered = re.compile(r'href="[^"]*/item/\d+/change/">Film no. 2 &lt;b&gt;</a>\s*<span')
    assert offered.search(page_of(staff, "User", external_id="u1"))
    act(films, {"item": "m2"})
    assert not offered.search(page_of(staff, "User", external_id="u1"))


def test_a_catalog_and_an_item_say_how_they_stand(films: Caller, staff: Client) -> None:
    page = page_of(staff, "Catalog", slug="films")
    assert "6 items, 2 users, 6 interactions" in page
    assert "Nothing is trained yet" in page
    assert "Nothing was shown yet" in page
    assert "Who had it last" in page_of(staff, "Item", external_id="m1")


def test_two_lists_stand_side_by_side(films: Caller, staff: Client) -> None:
    place_rules(films, {"action": "pin", "item": "m6", "position": 1})
    ident = row("Catalog", slug="films").pk
    address = f"/admin/console/catalog/{ident}/lists/"
    placement = row("Placement", name="home").pk
    page = html_of(staff.get(f"{address}?user=u1&left=latest&right=placement:{placement}"))
    assert "pinned to place 1" in page
    assert "What is new" in page
    # What is no choice, any more, is as by default.
    again = html_of(staff.get(f"{address}?right=placement:99&left=nonsense"))
    assert "As the recommender makes it" in again
    assert "With the rules of home" in again
    assert staff.get("/admin/console/catalog/999999/lists/").status_code == 404


def place_rules(caller: Caller, *rules: dict[str, Any]) -> None:
    from embedhub.recommend.rules.service import put_rules

    put_rules(caller, "films", "home", list(rules))


def test_a_rule_is_previewed_saved_undone_and_switched_off(films: Caller, staff: Client) -> None:
    catalog = row("Catalog", slug="films").pk
    new = "/admin/console/placement/new/"
    assert staff.post(new, {"catalog": catalog, "name": "home"}).status_code == 302
    ident = row("Placement", name="home").pk
    add = f"/admin/console/placement/{ident}/rules/add/pin/"
    wanted = {"item": "m6", "position": "1", "note": "the house's own", "user": "u1"}
    previewed: Any = staff.post(add, {**wanted, "preview": "yes"}, headers={"X-Part": "preview"})
    assert "pinned to place 1" in html_of(previewed)
    assert "<html" not in html_of(previewed)
    assert get_placement(films, "films", "home").rules == []
    assert staff.post(add, wanted).status_code == 302
    assert get_placement(films, "films", "home").rules == [
        {"action": "pin", "item": "m6", "position": 1, "note": "the house's own"}
    ]
    page = page_of(staff, "Placement", name="home")
    assert "Pin “Film no. 6 &lt;b&gt;” to place 1" in page
    assert "the house&#x27;s own" in page
    [undo] = re.findall(rf'action="(/admin/console/placement/{ident}/restore/1/)"', page)[:1]
    assert staff.post(f"/admin/console/placement/{ident}/rules/0/off/").status_code == 302
    assert "switched off" in page_of(staff, "Placement", name="home")
    assert staff.post(undo).status_code == 302
    assert get_placement(films, "films", "home").rules == []
    done: Any = row("StaffAction", action="put rules back")
    assert done.subject == "placement"


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        (
            "boost",
            {"field": "year", "operator": "$gte", "value": "1995", "how": "factor", "size": "1.5"},
            {"action": "boost", "filter": {"year": {"$gte": 1995}}, "factor": 1.5},
        ),
        (
            "bury",
            {"categories": "horror, crime", "how": "amount", "size": "2"},
            {"action": "bury", "categories": ["horror", "crime"], "amount": 2.0},
        ),
        (
            "cap",
            {"of": "categories", "most": "1", "window": "3"},
            {"action": "cap", "field": "categories", "most": 1, "window": 3},
        ),
        (
            "cap",
            {"filter": '{"year": {"$gt": 1990, "$lt": 1993}}', "most": "2", "window": ""},
            {
                "action": "cap",
                "filter": {"year": {"$gt": 1990, "$lt": 1993}},
                "most": 2,
                "window": None,
            },
        ),
        (
            "at_least",
            {"field": "year", "value": "1991", "percent": "20"},
            {"action": "at_least", "filter": {"year": 1991}, "share": 0.2},
        ),
        (
            "explore",
            {"percent": "5", "depth": "50", "max_events": "3"},
            {"action": "explore", "share": 0.05, "depth": 50, "max_events": 3},
        ),
    ],
)
def test_forms_say_what_rules_say(
    films: Caller, staff: Client, kind: str, given: dict[str, str], wanted: dict[str, Any]
) -> None:
    """What is saved is what the form is filled with when the rule is changed."""
    place_rules(films)
    ident = row("Placement", name="home").pk
    answer: Any = staff.post(f"/admin/console/placement/{ident}/rules/add/{kind}/", given)
    assert answer.status_code == 302, answer.content.decode()
    assert get_placement(films, "films", "home").rules == [wanted]
    opened: Any = staff.get(f"/admin/console/placement/{ident}/rules/0/")
    form = opened.context_data["form"]
    again = {name: value for name, value in form.initial.items() if value is not None}
    answer = staff.post(f"/admin/console/placement/{ident}/rules/0/", again)
    assert answer.status_code == 302, answer.content.decode()
    assert get_placement(films, "films", "home").rules == [wanted]


def test_what_is_no_rule_is_said_at_its_field(films: Caller, staff: Client) -> None:
    place_rules(films)
    ident = row("Placement", name="home").pk
    add = f"/admin/console/placement/{ident}/rules/add"
    assert "Say which items" in html_of(staff.post(f"{add}/boost/", {"how": "factor", "size": "2"}))
    unknown = {"field": "year", "value": "1", "how": "factor", "size": "0.5"}
    assert "must be above 1" in html_of(staff.post(f"{add}/boost/", unknown))
    assert staff.get(f"{add}/nonsense/").status_code == 404
    assert staff.post(f"/admin/console/placement/{ident}/rules/7/off/").status_code == 404


def test_an_experiment_is_set_up_started_and_stopped(films: Caller, staff: Client) -> None:
    new = "/admin/console/experiment/new/"
    catalog = row("Catalog", slug="films").pk
    given = {
        "catalog": catalog,
        "name": "variety",
        "placement": "home",
        "changes": ["varied", "plain"],
    }
    refused = html_of(staff.post(new, {**given, "holdout": "5", "changes": ["version"]}))
    assert "Say which one." in refused
    assert staff.post(new, {**given, "holdout": "5"}).status_code == 302
    page = page_of(staff, "Experiment", name="variety")
    assert "relevance 0.7 against diversity" in page
    assert len(get_experiment(films, "films", "variety").variants) == 3
    assert "5 % of people" in page
    ident = row("Experiment", name="variety").pk
    stop = f"/admin/console/experiment/{ident}/stop/now/"
    assert "It cannot be started a second time" in html_of(staff.get(stop))
    for step, status in (("start", "running"), ("stop", "stopped")):
        assert staff.post(f"/admin/console/experiment/{ident}/{step}/now/").status_code == 302
        assert get_experiment(films, "films", "variety").status == status
    assert "Nothing was shown in this placement" in page_of(staff, "Experiment", name="variety")
    assert staff.post(f"/admin/console/experiment/{ident}/delete/now/").status_code == 302
    assert staff.post(f"/admin/console/experiment/{ident}/start/now/").status_code == 404


def test_a_placement_is_deleted_once_it_was_asked(films: Caller, staff: Client) -> None:
    place_rules(films, {"action": "pin", "item": "m6", "position": 1})
    address = f"/admin/console/placement/{row('Placement', name='home').pk}/delete/now/"
    assert address in page_of(staff, "Placement", name="home")
    assert "all earlier ones are gone" in html_of(staff.get(address))
    assert get_placement(films, "films", "home").rules != []
    assert staff.post(address).status_code == 302
    with pytest.raises(NotFound):
        get_placement(films, "films", "home")
    assert staff.post(address).status_code == 404


def test_whoever_only_looks_changes_nothing(films: Caller, clerk: Clerk) -> None:
    place_rules(films, {"action": "pin", "item": "m6", "position": 1})
    looker = clerk("view_placement", "view_catalog", "view_experiment")
    ident, catalog = row("Placement", name="home").pk, row("Catalog", slug="films").pk
    page = page_of(looker, "Placement", name="home")
    assert "Pin “" in page
    assert "Switch off" not in page
    for address in (
        f"placement/{ident}/rules/0/off/",
        f"placement/{ident}/rules/add/pin/",
        f"placement/{ident}/restore/1/",
        f"placement/{ident}/delete/now/",
        "placement/new/",
        "experiment/new/",
        f"catalog/{catalog}/training/start/",
        f"catalog/{catalog}/versions/1/publish/",
        f"catalog/{catalog}/lists/",
    ):
        assert looker.post(f"/admin/console/{address}").status_code == 403, address
