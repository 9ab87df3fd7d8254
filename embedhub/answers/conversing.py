"""Answers within conversations: what was said is read before, and what is answered stored behind.

No transaction is open while the answer comes about. A question that fails is not stored, nor one
whose client leaves before the answer is whole.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from embedhub.access.caller import Caller
from embedhub.answers import service
from embedhub.answers.events import AnswerEvent, Done
from embedhub.answers.request import Answer, AnswerRequest
from embedhub.conversations import service as conversations
from embedhub.errors import InvalidInput

# Asked for in place of an id: a conversation begins with this question.
NEW = "new"


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and the conversation it was stored in; None if it belongs to none."""

    answer: Answer
    conversation_id: UUID | None


def answer(
    caller: Caller, slugs: Sequence[str], request: AnswerRequest, *, conversation: str | None = None
) -> Kept:
    """Return the answer to a question of a conversation: None of none, "new" of a new one.

    Raises what `service.answer` raises, NotFound for an unknown conversation, Conflict for a full
    one, InvalidInput if the request also says itself what was said before.
    """
    seen = caller.narrowed(request.principals)
    request = _with_history(seen, request, conversation)
    made = service.answer(caller, slugs, request)
    return _keep(seen, slugs, request, conversation, made)


def stream(
    caller: Caller, slugs: Sequence[str], request: AnswerRequest, *, conversation: str | None = None
) -> Iterator[AnswerEvent | Kept]:
    """Return what happens while an answer comes about; in place of Done the answer that was kept.

    Raises what `answer` raises, but what only happens amid the answer: that is the last event.
    Closing the iterator ends the call of the language model.
    """
    seen = caller.narrowed(request.principals)
    request = _with_history(seen, request, conversation)
    events = service.stream(caller, slugs, request)
    return _keeping(seen, slugs, request, conversation, events)


def _keeping(
    seen: Caller,
    slugs: Sequence[str],
    request: AnswerRequest,
    conversation: str | None,
    events: Any,
) -> Iterator[AnswerEvent | Kept]:
    with closing(events):
        for event in events:
            if isinstance(event, Done):
                yield _keep(seen, slugs, request, conversation, event.answer)
            else:
                yield event


def _with_history(seen: Caller, request: AnswerRequest, conversation: str | None) -> AnswerRequest:
    if conversation is None:
        return request
    if request.history:
        raise InvalidInput("is that of the conversation: leave it out", "history")
    if conversation == NEW:
        return request
    return replace(request, history=conversations.read_history(seen, conversation))


def _keep(
    seen: Caller,
    slugs: Sequence[str],
    request: AnswerRequest,
    conversation: str | None,
    made: Answer,
) -> Kept:
    if conversation is None:
        return Kept(made, None)
    into = None if conversation == NEW else conversation
    stored = conversations.add_turn(seen, into, slugs=slugs, question=request.question, answer=made)
    return Kept(made, stored)
