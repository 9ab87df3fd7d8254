"""Chatting with an endpoint over real sockets: good answers, and every fault in plain words."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from embedhub.answers.generator import GenerationFailed
from embedhub.answers.llm import client
from embedhub.answers.llm.client import complete_chat, stream_chat
from embedhub.answers.llm.endpoint import Endpoint
from embedhub.answers.llm.faults import Refusal
from embedhub.config import get_config, override_config
from embedhub.disconnects import Disconnected, WaitingClient, waiting
from tests.fake_llm import FakeLlm, Reply, fake_llm

MESSAGES = [{"role": "user", "content": "Why?"}]
KEY = "sk-secret-0123"
LONG = " ".join(f"word{n}" for n in range(200))


@pytest.fixture
def llm() -> Iterator[FakeLlm]:
    with fake_llm() as fake:
        yield fake


@pytest.fixture
def endpoint(llm: FakeLlm) -> Endpoint:
    return Endpoint(
        base_url=llm.base_url,
        name="small",
        api_key=KEY,
        temperature=None,
        max_tokens=50,
        connect_s=2,
        silence_s=2,
        total_s=10,
        attempts=3,
        retry_base_s=0.01,
        max_chars=5_000,
    )


def test_an_answer_comes_bit_by_bit(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply("Because the sky\nis blue [1]."))
    assert list(stream_chat(endpoint, MESSAGES)) == [
        "Because",
        " the",
        " sky\nis",
        " blue",
        " [1].",
    ]
    assert llm.bodies == [
        {"model": "small", "messages": MESSAGES, "stream": True, "max_tokens": 50}
    ]
    assert llm.keys == [f"Bearer {KEY}"]
    assert llm.paths == ["/v1/chat/completions"]


@pytest.fixture
def beats() -> Iterator[None]:
    usual = get_config().stream_beat_s
    override_config(stream_beat_s=0.05)
    yield
    override_config(stream_beat_s=usual)


@pytest.mark.usefixtures("beats")
@pytest.mark.parametrize(
    "reply", [Reply("At last.", silence_s=0.3), Reply("At last.", pause_s=0.2)]
)
def test_a_silent_endpoint_is_waited_for_with_signs_of_life(
    llm: FakeLlm, endpoint: Endpoint, reply: Reply
) -> None:
    llm.replies.append(reply)
    bits = list(stream_chat(endpoint, MESSAGES))
    assert bits[0] == ""
    assert bits.count("") >= 2
    assert "".join(bits) == "At last."


@pytest.mark.usefixtures("beats")
def test_a_wait_before_the_next_attempt_gives_signs_of_life(
    llm: FakeLlm, endpoint: Endpoint
) -> None:
    llm.replies += [Reply(status=429), Reply("At last.")]
    bits = list(stream_chat(replace(endpoint, retry_base_s=0.4), MESSAGES))
    assert "" in bits
    assert "".join(bits) == "At last."


@pytest.mark.usefixtures("beats")
def test_closing_amid_a_silence_ends_the_call(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply("never", silence_s=30))
    stream = stream_chat(replace(endpoint, silence_s=60, total_s=60), MESSAGES)
    assert next(stream) == ""
    started = time.monotonic()
    stream.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 5
    assert not [one for one in threading.enumerate() if one.name.startswith("endpoint")]


@pytest.mark.parametrize(
    "reply",
    [
        Reply("whole [1].", is_streamed=False),
        Reply("whole [1].", has_done=False),
        Reply("whole", headers={"Content-Type": "text/event-stream; charset=utf-8"}),
    ],
    ids=["not streamed", "without an end mark", "with a charset"],
)
def test_endpoints_that_speak_a_dialect_are_understood(
    llm: FakeLlm, endpoint: Endpoint, reply: Reply
) -> None:
    llm.replies.append(reply)
    assert complete_chat(endpoint, MESSAGES) == reply.text


def test_an_answer_cut_at_its_limit_says_so(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply("half an", finish_reason="length"))
    assert complete_chat(endpoint, MESSAGES) == "half an …"


def test_without_a_key_none_is_sent(llm: FakeLlm, endpoint: Endpoint) -> None:
    complete_chat(replace(endpoint, api_key=""), MESSAGES)
    assert llm.keys == [None]


def test_temperature_is_sent_only_if_somebody_set_it(llm: FakeLlm, endpoint: Endpoint) -> None:
    complete_chat(replace(endpoint, temperature=0.0), MESSAGES)
    assert llm.bodies[0]["temperature"] == 0.0


def test_a_newer_language_model_gets_its_limit_by_the_newer_name(
    llm: FakeLlm, endpoint: Endpoint
) -> None:
    told = "Unsupported parameter: use 'max_completion_tokens' instead."
    llm.replies.append(Reply(status=400, error={"error": {"message": told}}))
    assert complete_chat(replace(endpoint, attempts=1), MESSAGES) == Reply().text
    assert llm.bodies[1]["max_completion_tokens"] == 50
    assert "max_tokens" not in llm.bodies[1]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_may_pass_is_tried_again(llm: FakeLlm, endpoint: Endpoint, status: int) -> None:
    llm.replies.extend([Reply(status=status), Reply(status=status), Reply("third")])
    assert complete_chat(endpoint, MESSAGES) == "third"
    assert len(llm.bodies) == 3


def test_it_is_waited_as_long_as_the_endpoint_asks(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply(status=429, headers={"Retry-After": "0.4"}))
    began = time.monotonic()
    complete_chat(endpoint, MESSAGES)
    assert 0.4 <= time.monotonic() - began < 2


def test_a_long_wait_is_left_to_the_caller(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply(status=429, headers={"Retry-After": "120"}))
    with pytest.raises(GenerationFailed, match="too many requests") as caught:
        complete_chat(endpoint, MESSAGES)
    assert caught.value.retry_after_s == 120
    assert len(llm.bodies) == 1


@pytest.mark.parametrize(
    ("reply", "words", "n_calls"),
    [
        (Reply(status=429), "too many requests", 3),
        (Reply(status=500), "failed .status 500", 3),
        (Reply(status=401), "refuses the key", 1),
        (Reply(status=404), "no such address or language model", 1),
        (Reply(status=400), "refused the request .status 400", 1),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), "redirect", 1),
        (Reply(drop_after=0), "broke off", 3),
        (Reply(raw=b"<html>garbage</html>"), "does not speak OpenAI's protocol", 1),
        (Reply(raw=b"data: {broken\n\n"), "does not speak OpenAI's protocol", 1),
        (Reply(raw=b'data: {"choices": 7}\n\n'), "does not speak OpenAI's protocol", 1),
        (Reply(raw=b'data: [1]\n\n'), "does not speak OpenAI's protocol", 1),
        (Reply(raw=b'data: {"choices": [{"delta": 3}]}\n\n'), "OpenAI's protocol", 1),
        (Reply(raw=b'{"choices": []}', headers={"Content-Type": "application/json"}),
         "OpenAI's protocol", 1),
        (Reply(raw=b"data: " + b"x" * (3 << 20)), "a line of the stream does not end", 1),
        (Reply(raw=b"\x00\xff\xfe" * 100), "OpenAI's protocol", 1),
        (Reply(text="", error={"message": "overloaded"}), "reported an error", 1),
        (Reply(text=""), "empty answer", 1),
        (Reply("x" * 6_000), "more than 5,000 characters", 1),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_plain_words(
    llm: FakeLlm, endpoint: Endpoint, reply: Reply, words: str, n_calls: int
) -> None:
    llm.usual = reply
    with pytest.raises(GenerationFailed, match=words) as caught:
        complete_chat(endpoint, MESSAGES)
    assert len(llm.bodies) == n_calls
    assert llm.base_url not in str(caught.value)


def test_nobody_there_is_told_in_plain_words(endpoint: Endpoint) -> None:
    with pytest.raises(GenerationFailed, match="cannot be reached"):
        complete_chat(replace(endpoint, base_url="http://127.0.0.1:9/v1"), MESSAGES)


def test_what_breaks_amid_an_answer_is_not_begun_anew(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply("one two three four", drop_after=2))
    got: list[str] = []
    with pytest.raises(GenerationFailed, match="broke off"):
        got.extend(stream_chat(endpoint, MESSAGES))
    assert len(llm.bodies) == 1


def test_silence_ends_a_call(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply(silence_s=30))
    with pytest.raises(GenerationFailed, match=r"said nothing for 0\.2 seconds"):
        complete_chat(replace(endpoint, silence_s=0.2), MESSAGES)
    assert len(llm.bodies) == 1
    wait_for(lambda: llm.n_left == 1)


def test_an_answer_without_end_is_ended(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply(LONG, pause_s=0.05))
    with pytest.raises(GenerationFailed, match=r"not finished after 0\.5 seconds"):
        complete_chat(replace(endpoint, total_s=0.5), MESSAGES)
    wait_for(lambda: llm.n_left == 1)


def test_closing_the_answer_ends_the_call(llm: FakeLlm, endpoint: Endpoint) -> None:
    llm.replies.append(Reply(LONG, pause_s=0.02))
    answer: Any = stream_chat(endpoint, MESSAGES)
    assert next(answer) == "word0"
    answer.close()
    wait_for(lambda: llm.n_left == 1)


@pytest.mark.parametrize(
    "reply", [Reply(silence_s=30), Reply(LONG, pause_s=0.1)], ids=["before it", "amid it"]
)
def test_a_client_that_leaves_ends_the_call(llm: FakeLlm, endpoint: Endpoint, reply: Reply) -> None:
    llm.replies.append(reply)
    waits = WaitingClient()
    threading.Timer(0.3, waits.leave).start()
    began = time.monotonic()
    with waiting(waits), pytest.raises(Disconnected):
        complete_chat(replace(endpoint, silence_s=20, total_s=20), MESSAGES)
    assert time.monotonic() - began < 3
    wait_for(lambda: llm.n_left == 1)


def test_a_client_that_leaves_ends_the_wait_between_attempts(
    llm: FakeLlm, endpoint: Endpoint
) -> None:
    llm.usual = Reply(status=503, headers={"Retry-After": "15"})
    waits = WaitingClient()
    threading.Timer(0.3, waits.leave).start()
    with waiting(waits), pytest.raises(Disconnected):
        complete_chat(replace(endpoint, total_s=20), MESSAGES)
    assert len(llm.bodies) == 1


def test_more_calls_than_places_are_refused_and_places_come_back(
    llm: FakeLlm, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = threading.BoundedSemaphore(1)
    monkeypatch.setattr(client, "places", lambda: only)
    llm.usual = Reply(LONG, pause_s=0.01)
    first: Any = stream_chat(endpoint, MESSAGES)
    next(first)
    with pytest.raises(GenerationFailed, match="under way") as caught:
        complete_chat(endpoint, MESSAGES)
    assert caught.value.retry_after_s
    first.close()
    llm.usual = Reply("free")
    assert complete_chat(endpoint, MESSAGES) == "free"


def test_keys_are_in_no_log_message_or_representation(
    llm: FakeLlm, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"error": {"message": f"Incorrect key {KEY} given"}}
    llm.usual = Reply(status=401, error=echo)
    with pytest.raises(GenerationFailed) as caught:
        complete_chat(endpoint, MESSAGES)
    refusal = caught.value.__cause__
    assert isinstance(refusal, Refusal)
    assert "***" in refusal.words
    for text in (caplog.text, repr(endpoint), str(caught.value), repr(refusal), refusal.words):
        assert KEY not in text


def wait_for(condition: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        with suppress(InterruptedError):
            time.sleep(0.01)
