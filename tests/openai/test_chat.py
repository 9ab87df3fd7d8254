"""Chats with a collection through the official client, with a language model and without."""

from collections.abc import Callable, Iterator
from typing import Any

import openai as protocol
import pytest
from openai import OpenAI

from embedhub.access.caller import Caller
from embedhub.answers.llm.service import LlmSettingInput, save_setting
from tests.factories import encode_everything, make_collection, send
from tests.fake_llm import FakeLlm, Reply, fake_llm
from tests.web.conftest import ApiClient

WHALES = "Whales are mammals that breathe air. The blue whale is the largest animal ever known."
QUESTION = [{"role": "user", "content": "What is the largest animal ever known?"}]


@pytest.fixture
def papers(caller: Caller) -> str:
    make_collection(caller)
    send(
        caller,
        {"external_id": "whales", "title": "About whales", "text": WHALES},
        {"external_id": "fire", "text": "A volcano is a rupture in the crust of a planet."},
    )
    encode_everything()
    return "papers"


@pytest.fixture
def llm(caller: Caller) -> Iterator[FakeLlm]:
    """Our workspace has a language model."""
    with fake_llm("The blue whale is the largest animal ever known [1].") as fake:
        wanted = LlmSettingInput(is_enabled=True, base_url=fake.base_url, name="small")
        save_setting(caller.workspace_id, wanted)
        yield fake


def ask(client: OpenAI, **fields: Any) -> Any:
    return client.chat.completions.create(**({"model": "papers", "messages": QUESTION} | fields))


def test_without_a_language_model_sentences_of_the_documents_answer(
    openai: OpenAI, papers: str
) -> None:
    answer = ask(openai)
    text = answer.choices[0].message.content
    assert "The blue whale is the largest animal ever known" in text
    assert "[1] About whales" in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "papers"
    assert answer.answer["method"] == "extractive"
    cited = answer.answer["citations"][0]
    assert WHALES[cited["start"] : cited["end"]] == cited["text"]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_answer_is_the_whole_one_in_pieces(openai: OpenAI, papers: str) -> None:
    whole = ask(openai).choices[0].message.content
    chunks = list(ask(openai, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_language_model_words_the_answer_from_the_passages(
    openai: OpenAI, papers: str, llm: FakeLlm
) -> None:
    answer = ask(openai, extra_body={"append_sources": False})
    assert answer.choices[0].message.content == llm.usual
    assert answer.answer["method"] == "generated"
    assert answer.answer["supported"]
    assert answer.answer["citations"][0]["external_id"] == "whales"
    assert WHALES.split(".")[1].strip() in llm.last_messages[-1]["content"]


def test_a_streamed_answer_comes_as_the_language_model_writes_it(
    openai: OpenAI, papers: str, llm: FakeLlm
) -> None:
    llm.usual = Reply("The blue whale is the largest animal [1].", pause_s=0.02)
    deltas = [
        chunk.choices[0].delta.content
        for chunk in ask(openai, stream=True, extra_body={"append_sources": False})
        if chunk.choices and chunk.choices[0].delta.content
    ]
    assert deltas == ["The", " blue", " whale", " is", " the", " largest", " animal", " [1]."]


def test_a_follow_up_is_searched_for_as_a_question_of_its_own(
    openai: OpenAI, papers: str, llm: FakeLlm
) -> None:
    llm.replies.append("Are whales mammals that breathe air?")
    said = [*QUESTION, {"role": "assistant", "content": "The blue whale [1]."}]
    answer = ask(openai, messages=[*said, {"role": "user", "content": "Do they breathe air?"}])
    assert answer.answer["question"] == "Are whales mammals that breathe air?"
    assert "The blue whale [1]." in llm.bodies[0]["messages"][1]["content"]


def test_what_front_ends_send_besides_is_let_pass(openai: OpenAI, papers: str) -> None:
    answer = ask(
        openai,
        messages=[{"role": "system", "content": "Be brief."}, *QUESTION],
        temperature=0.3,
        max_tokens=50,
        user="anna",
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
    )
    assert "blue whale" in answer.choices[0].message.content


def test_a_fault_of_the_language_model_is_an_error_of_the_protocol(
    openai: OpenAI, papers: str, llm: FakeLlm
) -> None:
    llm.usual = Reply(status=401)
    with pytest.raises(protocol.InternalServerError, match="refuses the key") as caught:
        ask(openai)
    assert caught.value.status_code == 502
    # What was found is there all the same.
    assert caught.value.response.json()["sources"][0]["external_id"] == "whales"


def test_a_stream_that_breaks_ends_with_an_error(openai: OpenAI, papers: str, llm: FakeLlm) -> None:
    llm.usual = Reply("The blue whale is large", drop_after=2)
    got: list[str] = []
    with pytest.raises(protocol.APIError, match="broke off"):
        got.extend(chunk.choices[0].delta.content or "" for chunk in ask(openai, stream=True))


def test_nobody_chats_with_what_is_not_theirs(
    papers: str, stranger: Caller, openai_for: Callable[[Caller], OpenAI], openai: OpenAI
) -> None:
    for client, name in ((openai_for(stranger), "papers"), (openai, "none")):
        for is_streamed in (False, True):
            with pytest.raises(protocol.NotFoundError, match="no collection"):
                ask(client, model=name, stream=is_streamed)


def test_principals_hide_documents_from_chats(openai: OpenAI, caller: Caller, papers: str) -> None:
    secret = "The secret animal is the hedgehog of the keepers."
    send(caller, {"external_id": "closed", "text": secret, "access": ["keepers"]})
    encode_everything()
    messages = [{"role": "user", "content": "What is the secret animal of the keepers?"}]
    assert "hedgehog" in str(ask(openai, messages=messages))
    guest = ask(openai, messages=messages, extra_body={"principals": ["guests"]})
    assert "hedgehog" not in str(guest)


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"messages": []}, 422, "messages"),
        ({"messages": "x"}, 422, "messages"),
        ({"messages": [{"content": "x"}]}, 422, "messages.0.role"),
        ({"messages": [{"role": "user", "content": ""}]}, 422, "messages.0.content"),
        (
            {
                "messages": [
                    *QUESTION,
                    {"role": "user", "content": "x" * 100_000},
                    {"role": "system", "content": "Be brief."},
                ]
            },
            413,
            "messages.1.content",
        ),
        ({"model": ",".join(f"c{n}" for n in range(99))}, 413, "model"),
        ({"n": 2}, 422, "n"),
        ({"model": ""}, 422, "model"),
        ({"model": "none"}, 404, None),
        ({"filter": {"$bad": 1}}, 422, None),
        ({"messages": [{"role": "user", "content": "x"}] * 1_001}, 413, "messages"),
    ],
)
def test_what_is_no_chat_is_refused_by_its_place(
    api: ApiClient, papers: str, change: dict[str, Any], status: int, field: str | None
) -> None:
    response = api.post("/chat/completions", {"model": "papers", "messages": QUESTION} | change)
    assert response.status_code == status, response.content
    if field is not None:
        assert response.json()["field"] == field
    assert response.json()["error"]["message"]
