"""Chats of OpenAI's protocol as questions to collections, and answers as completions; pure."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from embedhub.answers.request import AnswerRequest, Citation, Role, Turn
from embedhub.errors import InvalidInput, TooLarge

# About what a token of English has.
CHARS_A_TOKEN = 4
SPOKEN = {"user": Role.USER, "assistant": Role.ASSISTANT}
# Instructions of the front end and calls of its tools: answers are drawn from documents alone.
PASSED_OVER = frozenset({"system", "developer", "tool", "function"})
SEPARATOR = ","


@dataclass(frozen=True, slots=True)
class Completion:
    """What stays the same in every part of one completion."""

    id: str
    created: int
    model: str

    @classmethod
    def begun(cls, model: str, now: float) -> "Completion":
        """Return a new completion."""
        return cls(f"chatcmpl-{uuid.uuid4().hex}", int(now), model)


def slugs_of(model: str) -> list[str]:
    """Return the collections that a name stands for: one, or several with commas between."""
    slugs = list(dict.fromkeys(slug.strip() for slug in model.split(SEPARATOR)))
    if not all(slugs):
        raise InvalidInput("must name a collection, or several with commas between", "model")
    return slugs


def request_of(
    messages: Sequence[Mapping[str, Any]],
    *,
    max_messages: int,
    principals: Sequence[str] | None = None,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - called so in every request
) -> AnswerRequest:
    """Return a chat as a question with what was said before; raises InvalidInput and TooLarge."""
    if not messages:
        raise InvalidInput("must hold at least one message", "messages")
    if len(messages) > max_messages:
        raise TooLarge(f"at most {max_messages:,} messages", "messages")
    said: list[Turn] = []
    for place, message in enumerate(messages):
        role, field = message["role"], f"messages.{place}"
        if role in PASSED_OVER:
            continue
        if role not in SPOKEN:
            raise InvalidInput("must be system, user or assistant", f"{field}.role")
        said.append(Turn(SPOKEN[role], text_of(message["content"], f"{field}.content")))
    if not said or said[-1].role is not Role.USER:
        raise InvalidInput("must end with a message of the user", "messages")
    return AnswerRequest(
        question=said[-1].text,
        history=tuple(turn for turn in said[:-1] if turn.text.strip()),
        principals=None if principals is None else tuple(principals),
        filter=filter,
    )


@contextmanager
def named_as_in_chats(messages: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Let errors of the answer inside name the part of the chat that the caller sent."""
    last = max(place for place, message in enumerate(messages) if message["role"] in SPOKEN)
    names = {"question": f"messages.{last}.content", "collections": "model"}
    try:
        yield
    except (InvalidInput, TooLarge) as error:
        if error.field not in names:
            raise
        raise type(error)(error.message, names[error.field]) from error


def text_of(content: object, field: str) -> str:
    """Return the text of a message: its own, or that of its parts; raises InvalidInput."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidInput("must be a text or a list of parts", field)
    texts = []
    for place, part in enumerate(content):
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise InvalidInput(
                "must be a part of type text: answers are to texts", f"{field}.{place}"
            )
        texts.append(text)
    return "\n".join(texts)


def sources_text(citations: Sequence[Citation]) -> str:
    """Return what the marks of an answer stand for, a line each; empty without citations."""
    lines: dict[int, str] = {}
    for citation in citations:
        # On one line: a title must not look like further sources.
        name = " ".join((citation.title or citation.external_id).split())
        page = "" if citation.page is None else f", page {citation.page}"
        address = f" <{citation.url}>" if citation.url else ""
        lines.setdefault(citation.number, f"[{citation.number}] {name}{page}{address}")
    if not lines:
        return ""
    return "\n\n" + "\n".join(lines[number] for number in sorted(lines))


def usage_of(request: AnswerRequest, text: str) -> dict[str, int]:
    """Return about how many tokens were asked and answered; what is sent to an LLM is its own."""
    asked = [request.question, *(turn.text for turn in request.history)]
    prompt, completion = sum(map(_tokens, asked)), _tokens(text)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def whole(
    completion: Completion, text: str, *, answer: dict[str, Any], usage: dict[str, int]
) -> dict[str, Any]:
    """Return a completion that is not streamed; for `answer` the protocol has no field."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_head(completion, "chat.completion"), "choices": [choice], "usage": usage,
            "answer": answer}  # fmt: skip


def first_chunk(completion: Completion) -> dict[str, Any]:
    """Return what a streamed completion begins with."""
    return _chunk(completion, {"role": "assistant", "content": ""})


def text_chunk(completion: Completion, text: str) -> dict[str, Any]:
    """Return more of a streamed completion's text."""
    return _chunk(completion, {"content": text})


def last_chunk(completion: Completion, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the end of a streamed completion, with what the protocol has no field for."""
    return {**_chunk(completion, {}, "stop"), "answer": answer}


def usage_chunk(completion: Completion, usage: dict[str, int]) -> dict[str, Any]:
    """Return the counts of tokens behind a streamed completion, for whom asked for them."""
    return {**_head(completion, "chat.completion.chunk"), "choices": [], "usage": usage}


def _chunk(
    completion: Completion, delta: dict[str, Any], reason: str | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**_head(completion, "chat.completion.chunk"), "choices": [choice]}


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": kind,
        "created": completion.created,
        "model": completion.model,
    }


def _tokens(text: str) -> int:
    return -(-len(text) // CHARS_A_TOKEN)
