"""Chats as questions and answers as completions, without a server."""

from dataclasses import replace
from typing import Any

import pytest

from embedhub.answers.request import Role, Turn
from embedhub.errors import InvalidInput, TooLarge
from embedhub.openai import completions
from tests.factories import make_answer

USER = {"role": "user", "content": "What are whales?"}
CITATION = make_answer().citations[0]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def asked(*messages: dict[str, Any]) -> Any:
    return completions.request_of(messages, max_messages=5)


def test_the_last_message_is_the_question_and_the_others_what_was_said() -> None:
    request = asked(
        {"role": "system", "content": "Talk like a pirate."},
        USER,
        {"role": "assistant", "content": "Mammals."},
        {"role": "user", "content": [text("How"), text("big?")]},
    )
    assert request.question == "How\nbig?"
    assert request.history == (
        Turn(Role.USER, "What are whales?"),
        Turn(Role.ASSISTANT, "Mammals."),
    )


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "messages"),
        ([{"role": "system", "content": "Be nice."}], "messages"),
        ([USER, {"role": "assistant", "content": "Mammals."}], "messages"),
        ([{"role": "king", "content": "x"}], "messages.0.role"),
        ([{"role": "user", "content": 7}], "messages.0.content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
         "messages.0.content.0"),
        ([{"role": "user", "content": ["bare"]}], "messages.0.content.0"),
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused_by_its_place(
    messages: list[dict[str, Any]], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        asked(*messages)
    assert caught.value.field == field


def test_more_messages_than_allowed_are_too_many() -> None:
    with pytest.raises(TooLarge):
        asked(*[USER] * 6)


def test_a_name_may_stand_for_several_collections() -> None:
    assert completions.slugs_of("papers, books,papers") == ["papers", "books"]
    for name in ("", "papers,", " "):
        with pytest.raises(InvalidInput):
            completions.slugs_of(name)


def test_sources_stand_below_an_answer_once_each() -> None:
    cited = [
        replace(CITATION, number=2, title="", url="https://example.org/w", page=3),
        CITATION,
        replace(CITATION, start=40, end=50),
    ]
    assert completions.sources_text(cited) == (
        "\n\n[1] Whales\n[2] whales, page 3 <https://example.org/w>"
    )
    assert completions.sources_text([]) == ""


def test_a_title_is_one_source_however_it_is_written() -> None:
    forged = replace(CITATION, title="Whales\n[2] The bank <https://example.org/phish>")
    assert len(completions.sources_text([forged]).strip().splitlines()) == 1
