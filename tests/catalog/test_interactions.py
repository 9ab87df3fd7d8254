"""Items, users and what they did: stored once, by policy, and removed with every trace."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog import interactions, members, service
from embedhub.catalog.service import CatalogChanges, Unknown
from embedhub.config import override_config
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.runs.service import carry_out
from tests.catalog.factories import act, make_catalog, send_items, send_users

WHEN = "2026-01-31T12:00:00Z"
REQUEST = str(uuid.uuid4())


@pytest.fixture
def films(caller: Caller) -> Caller:
    """A catalog with a film and somebody who may see it."""
    make_catalog(caller, content_template="{title}\nby {director}")
    send_items(caller, {"external_id": "m1", "fields": {"title": "Alien"}})
    send_users(caller, {"external_id": "u1", "attributes": {"country": "DE"}})
    return caller


def counts() -> dict[str, int]:
    tables = ("items", "users", "interactions", "impressions", "held_interactions")
    with db.reading() as session:
        return {t: session.execute(text(f"SELECT count(*) FROM {t}")).scalar_one() for t in tables}


def test_an_item_is_created_then_unchanged_then_updated_and_never_aged(films: Caller) -> None:
    item = {"external_id": "m2", "fields": {"title": "Heat", "director": "Mann"}}
    full = {**item, "categories": ["a", "b", "a"], "available_until": WHEN, "source_version": 5}
    assert send_items(films, full, {"external_id": "m1", "fields": {"title": "Alien"}}) == [
        "created",
        "unchanged",
    ]
    stored = members.get_item(films, "films", "m2")
    assert (stored.content, stored.categories) == ("Heat\nby Mann", ["a", "b"])
    assert send_items(films, full) == ["unchanged"]
    assert send_items(films, {**full, "source_version": 4, "is_hidden": True}) == ["stale"]
    assert members.get_item(films, "films", "m2") == stored
    assert send_items(films, {**item, "source_version": 6}) == ["updated"]
    changed = members.get_item(films, "films", "m2")
    assert (changed.categories, changed.available_until, changed.source_version) == ([], None, 6)
    assert members.get_item(films, "films", "m1").content == "Alien"


def test_a_user_is_created_then_unchanged_then_updated(films: Caller) -> None:
    user = {"external_id": "u/2", "text": "likes space"}
    assert [send_users(films, user) for _ in range(2)] == [["created"], ["unchanged"]]
    assert send_users(films, {**user, "attributes": {"age": 3}}) == ["updated"]
    assert members.get_user(films, "films", "u/2").text == "likes space"
    listed = members.list_users(films, "films", after="u/2", limit=10)
    assert [each.external_id for each in listed] == ["u1"]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "external_id"),
        ({"external_id": " "}, "external_id"),
        ({"external_id": "a", "categories": "b"}, "categories"),
        ({"external_id": "a", "labels": [1]}, "labels.0"),
        ({"external_id": "a", "is_hidden": 1}, "is_hidden"),
        ({"external_id": "a", "fields": []}, "fields"),
        ({"external_id": "a", "colour": "red"}, "colour"),
        (
            {"external_id": "a", "available_from": WHEN, "available_until": WHEN},
            "available_until",
        ),
    ],
)
def test_an_item_that_cannot_be_stores_nothing(
    films: Caller, item: dict[str, Any], field: str
) -> None:
    before = counts()
    with pytest.raises(InvalidInput) as refused:
        send_items(films, {"external_id": "good"}, item)
    assert refused.value.field == f"items.1.{field}"
    assert counts() == before


def test_a_batch_repeats_no_id_and_texts_have_an_end(films: Caller) -> None:
    with pytest.raises(InvalidInput, match="repeats"):
        send_items(films, {"external_id": "a"}, {"external_id": "a"})
    override_config(max_item_chars=3)
    try:
        with pytest.raises(TooLarge):
            send_items(films, {"external_id": "a", "fields": {"title": "long"}})
    finally:
        override_config(max_item_chars=100_000)
    with pytest.raises(Conflict):
        service.update_catalog(films, "films", CatalogChanges(content_template="{other}"))


def test_an_event_counts_once_and_its_last_value_counts(films: Caller) -> None:
    event = {"time": WHEN, "value": 3}
    assert [t.outcome for t in act(films, event, event)] == ["created", "unchanged"]
    again = act(films, event, {**event, "request_id": REQUEST}, {**event, "type": "like"})
    assert [t.outcome for t in again] == ["unchanged", "created", "created"]
    assert [t.outcome for t in act(films, {**event, "value": 4})] == ["updated"]
    history = interactions.list_interactions(films, "films", "u1", before=None, limit=2)
    rest = interactions.list_interactions(films, "films", "u1", before=history.after, limit=2)
    found = [*history.interactions, *rest.interactions]
    assert sorted((each.type, each.value, each.weight) for each in found) == [
        ("like", 3, 9),
        ("view", 3, 3),
        ("view", 4, 4),
    ]
    assert rest.after is None
    assert {str(each.request_id) for each in found} == {REQUEST, "None"}


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"value": float("nan")}, "value"),
        ({"value": float("-inf")}, "value"),
        ({"value": 10**400}, "value"),
        ({"value": True}, "value"),
        ({"type": "stare"}, "type"),
        ({"type": ["view"]}, "type"),
        ({"time": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "time"),
        ({"time": 5}, "time"),
        ({"request_id": "no"}, "request_id"),
        ({"user": ""}, "user"),
        ({"item": 7}, "item"),
    ],
)
def test_an_event_that_cannot_be_stores_nothing(
    films: Caller, event: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        act(films, {}, event)
    assert refused.value.field == f"interactions.1.{field}"
    assert counts()["interactions"] == 0


def test_a_clock_a_little_ahead_is_no_reason_to_refuse(films: Caller) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    assert act(films, {"time": soon})[0].outcome == "created"


def test_unknown_users_are_created_and_unknown_items_waited_for(films: Caller) -> None:
    taken = act(films, {"user": "u2"}, {"user": "u3", "item": "m2", "time": WHEN})
    assert [(t.outcome, t.reason) for t in taken] == [("created", None), ("held", "unknown item")]
    assert service.catalog_status(films, "films").n_held == 1
    assert members.get_user(films, "films", "u3").attributes == {}
    assert send_items(films, {"external_id": "m2"}) == ["created"]
    assert service.catalog_status(films, "films").n_held == 0
    [seen] = interactions.list_interactions(films, "films", "u3", before=None, limit=9).interactions
    assert (seen.item, seen.time) == ("m2", datetime.fromisoformat(WHEN))


def test_policies_reject_and_create(films: Caller) -> None:
    policies = CatalogChanges(unknown_users=Unknown.REJECT, unknown_items=Unknown.CREATE)
    service.update_catalog(films, "films", policies)
    taken = act(films, {"user": "u2", "item": "m2"}, {"item": "m3"})
    assert [t.outcome for t in taken] == ["rejected", "created"]
    assert taken[0].reason == "unknown user"
    assert members.get_item(films, "films", "m3").content == ""
    with pytest.raises(NotFound):
        members.get_item(films, "films", "m2")


def test_no_more_wait_than_may(films: Caller) -> None:
    override_config(max_held_interactions=1)
    try:
        taken = act(films, {"item": "m2"}, {"item": "m3"})
    finally:
        override_config(max_held_interactions=100_000)
    assert [t.outcome for t in taken] == ["held", "rejected"]


def test_a_deleted_user_leaves_no_trace(films: Caller) -> None:
    act(films, {}, {"item": "m2"}, {"user": "u2"})
    show("u1")
    assert members.delete_user(films, "films", "u1") == members.Traces(1, 1, 1)
    left = {"items": 1, "users": 1, "interactions": 1, "impressions": 0, "held_interactions": 0}
    assert counts() == left
    with pytest.raises(NotFound):
        members.delete_user(films, "films", "u1")


def test_a_deleted_item_and_a_deleted_catalog_take_everything_along(films: Caller) -> None:
    act(films, {}, {"item": "m2"}, {"user": "u2"})
    show("u1")
    assert members.delete_item(films, "films", "m1") == members.Traces(2, 1, 0)
    assert counts()["held_interactions"] == 1
    carry_out(service.delete_catalog(films, "films"), service.purge_catalog)
    assert set(counts().values()) == {0}


def show(user: str) -> None:
    """Show the one item to a user."""
    with db.writing() as session:
        session.execute(
            text(
                "INSERT INTO impressions (request_id, position, workspace_id, catalog_id, user_id,"
                " item_id, score) SELECT gen_random_uuid(), 1, u.workspace_id, u.catalog_id, u.id,"
                " i.id, 1 FROM users u JOIN items i USING (catalog_id) WHERE u.external_id = :user"
            ),
            {"user": user},
        )
