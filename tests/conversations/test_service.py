"""Conversations: whose they are, what they hold, and how they end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.answers.request import Role, Turn
from embedhub.collections.service import delete_collection
from embedhub.config import override_config
from embedhub.conversations import service
from embedhub.errors import Conflict, NotFound
from tests.factories import make_answer, make_collection

ANSWER = make_answer()


@pytest.fixture
def key(caller: Caller) -> Caller:
    """A key of our workspace, with a collection to ask."""
    make_collection(caller)
    return with_key(caller)


def with_key(caller: Caller, **bounds: object) -> Caller:
    view, _ = create_key(caller.workspace_id, name="a test")
    return replace(caller, key_id=view.id, **bounds)  # type: ignore[arg-type]


def say(caller: Caller, question: str = "What are whales?", *, into: str | None = None) -> str:
    found = service.add_turn(caller, into, slugs=["papers"], question=question, answer=ANSWER)
    return str(found)


def test_what_was_said_is_read_again(key: Caller) -> None:
    first = say(key)
    assert say(key, "And how big?", into=first) == first
    view, turns = service.get_conversation(key, first)
    assert (view.title, view.n_turns) == ("What are whales?", 2)
    assert view.expires_at - view.updated_at == timedelta(days=30)
    assert [turn.question for turn in turns] == ["What are whales?", "And how big?"]
    assert turns[0].citations == [
        {
            "number": 1,
            "collection": "papers",
            "external_id": "whales",
            "title": "Whales",
            "url": None,
            "version": 1,
            "start": 0,
            "end": 19,
            "page": None,
        }
    ]
    _, later = service.get_conversation(key, first, after=1)
    assert [turn.position for turn in later] == [2]


def test_the_latest_turns_are_the_history_of_a_follow_up(key: Caller) -> None:
    conversation = say(key, "0?")
    for n in range(1, 9):
        say(key, f"{n}?", into=conversation)
    said = service.read_history(key, conversation)
    assert said[:2] == (Turn(Role.USER, "3?"), Turn(Role.ASSISTANT, "Mammals [1]."))
    assert len(said) == 12


def test_nobody_else_finds_it(key: Caller, caller: Caller, stranger: Caller) -> None:
    mine = say(key)
    other_key = with_key(caller)
    for other in (caller, other_key, stranger):
        assert service.list_conversations(other) == []
        for act in (service.get_conversation, service.read_history, service.delete_conversation):
            with pytest.raises(NotFound):
                act(other, mine)
        with pytest.raises(NotFound):
            say(replace(other, workspace_id=key.workspace_id), into=mine)
    assert [view.n_turns for view in service.list_conversations(key)] == [1]


def test_it_is_shown_only_to_eyes_that_may_see_as_much(key: Caller) -> None:
    anna = key.narrowed(["user:anna", "group:x"])
    bob = key.narrowed(["user:bob", "group:x"])
    hers = say(anna)
    unbound = say(key)
    assert [str(view.id) for view in service.list_conversations(anna)] == [hers]
    assert service.list_conversations(bob) == []
    assert [str(view.id) for view in service.list_conversations(key)] == [unbound, hers]
    for narrower in (bob, key.narrowed(["user:anna"]), key.narrowed([])):
        with pytest.raises(NotFound):
            service.get_conversation(narrower, hers)
    # What somebody who sees more has added is not for her eyes.
    say(key, "All of it?", into=hers)
    with pytest.raises(NotFound):
        service.get_conversation(anna, hers)


def test_lists_come_in_pages_newest_first(key: Caller) -> None:
    ids = [say(key, f"{n}?") for n in range(3)]
    first = service.list_conversations(key, limit=2)
    assert [str(view.id) for view in first] == [ids[2], ids[1]]
    rest = service.list_conversations(key, before=first[-1].row_id)
    assert [str(view.id) for view in rest] == [ids[0]]


def test_a_deleted_one_is_gone_with_all_that_was_said(key: Caller) -> None:
    conversation = say(key)
    service.delete_conversation(key, conversation)
    with pytest.raises(NotFound):
        service.delete_conversation(key, conversation)
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM conversation_turns")).scalar() == 0


def test_a_full_one_takes_no_further_question(key: Caller) -> None:
    override_config(max_conversation_turns=1)
    try:
        conversation = say(key)
        with pytest.raises(Conflict, match="begin a new one"):
            service.read_history(key, conversation)
        with pytest.raises(Conflict):
            say(key, into=conversation)
    finally:
        override_config(max_conversation_turns=200)


@pytest.mark.parametrize("ident", ["", "x", "7", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_one_is_not_found(key: Caller, ident: str) -> None:
    with pytest.raises(NotFound):
        service.read_history(key, ident)


def test_it_ends_in_time(key: Caller) -> None:
    old, kept = say(key, "Old?"), say(key, "New?")
    age(old, days=31)
    age(kept, days=29)
    assert service.forget_old() == 1
    assert [str(view.id) for view in service.list_conversations(key)] == [kept]


def test_it_ends_with_its_collection(key: Caller) -> None:
    make_collection(key, "other")
    conversation = say(key)
    service.add_turn(key, conversation, slugs=["other"], question="Else?", answer=ANSWER)
    delete_collection(key, "other")
    assert service.list_conversations(key) == []
    assert service.forget_old() == 1


def age(conversation: str, *, days: int) -> None:
    with db.writing() as session:
        session.execute(
            text(
                "UPDATE conversations SET updated_at = now() - make_interval(days => :days)"
                " WHERE public_id = :id"
            ),
            {"days": days, "id": conversation},
        )
