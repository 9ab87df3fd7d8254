"""Conversations: what a caller may rely on.

A conversation belongs to the API key that began it, and to the eyes it was for: what was answered
from documents that some principals may see is shown only to requests that may see all of these.
It is kept for `conversation_days` after its last answer.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.answers.request import Answer, Role, Turn
from embedhub.collections.service import find_collection
from embedhub.config import get_config
from embedhub.conversations import queries
from embedhub.conversations.queries import Whose
from embedhub.errors import Conflict, NotFound
from embedhub.tables import Conversation, ConversationTurn

MAX_TITLE_CHARS = 120
TURNS_READ = 200


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation without what was said; `row_id` places it in lists."""

    id: uuid.UUID
    title: str
    n_turns: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    row_id: int


@dataclass(frozen=True, slots=True)
class TurnView:
    """A question of a conversation with its answer; `citations` are ranges of stored versions."""

    position: int
    question: str
    standalone: str
    answer: str
    found: bool
    supported: bool
    method: str
    citations: Sequence[dict[str, Any]]
    request_id: uuid.UUID
    created_at: datetime


def read_history(caller: Caller, conversation_id: str) -> tuple[Turn, ...]:
    """Return what was said lately in a conversation that is to go on, oldest first.

    Raises NotFound, and Conflict if it has as many questions as one may have.
    """
    config = get_config()
    with db.reading() as session:
        found = queries.find(session, _whose(caller), _parse(conversation_id))
        if found is None:
            raise NotFound("conversation", conversation_id)
        _refuse_full(found)
        turns = queries.last_turns(session, found.id, limit=config.history_turns)
    said: list[Turn] = []
    for turn in turns:
        said += [Turn(Role.USER, turn.question), Turn(Role.ASSISTANT, turn.answer)]
    return tuple(said)


def add_turn(
    caller: Caller,
    conversation_id: str | None,
    *,
    slugs: Sequence[str],
    question: str,
    answer: Answer,
) -> uuid.UUID:
    """Store a question with its answer and return the conversation's id; None begins a new one.

    Raises NotFound for a conversation that was deleted meanwhile, Conflict for one that is full.
    """
    whose = _whose(caller)
    with db.writing() as session:
        collection_ids = [find_collection(session, caller, slug).id for slug in slugs]
        if conversation_id is None:
            conversation = queries.insert_conversation(
                session,
                public_id=uuid.uuid4(),
                workspace_id=caller.workspace_id,
                api_key_id=caller.key_id,
                principals=None if caller.principals is None else sorted(caller.principals),
                collection_ids=collection_ids,
                title=_title(question),
            )
        else:
            found = queries.find(session, whose, _parse(conversation_id), is_for_update=True)
            if found is None:
                raise NotFound("conversation", conversation_id)
            conversation = found
            _refuse_full(conversation)
            # It now holds what these collections and these eyes saw, too.
            conversation.collection_ids = sorted({*conversation.collection_ids, *collection_ids})
            conversation.principals = (
                None if caller.principals is None else sorted(caller.principals)
            )
        queries.insert_turn(session, conversation, **_turn_columns(question, answer))
        return conversation.public_id


def list_conversations(
    caller: Caller, *, before: int | None = None, limit: int = 50
) -> list[ConversationView]:
    """Return the caller's conversations, the newest first, from the one behind `before` on."""
    with db.reading() as session:
        rows = queries.list_page(session, _whose(caller), before=before, limit=limit)
        return [_view(row) for row in rows]


def get_conversation(
    caller: Caller, conversation_id: str, *, after: int = 0, limit: int = TURNS_READ
) -> tuple[ConversationView, list[TurnView]]:
    """Return a conversation and what was said, from the turn behind `after` on; raises NotFound."""
    with db.reading() as session:
        found = queries.find(session, _whose(caller), _parse(conversation_id))
        if found is None:
            raise NotFound("conversation", conversation_id)
        turns = queries.list_turns(session, found.id, after=after, limit=limit)
        return _view(found), [_turn_view(turn) for turn in turns]


def read_turns(conversation_row_id: int, *, limit: int = TURNS_READ) -> list[TurnView]:
    """Return what was said in a conversation, for staff who look at it in the admin."""
    with db.reading() as session:
        turns = queries.list_turns(session, conversation_row_id, after=0, limit=limit)
        return [_turn_view(turn) for turn in turns]


def delete_conversation(caller: Caller, conversation_id: str) -> None:
    """Delete a conversation with all that was said, for good; raises NotFound."""
    with db.writing() as session:
        if not queries.delete_one(session, _whose(caller), _parse(conversation_id)):
            raise NotFound("conversation", conversation_id)


def forget_old() -> int:
    """Delete conversations past their time or of deleted collections, in batches; return n."""
    older_than = timedelta(days=get_config().conversation_days)
    return db.in_batches(
        lambda session, size: queries.delete_old(session, older_than=older_than, limit=size)
    )


def _whose(caller: Caller) -> Whose:
    return Whose(caller.workspace_id, caller.key_id, caller.principals)


def _parse(conversation_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(conversation_id)
    except ValueError:
        raise NotFound("conversation", conversation_id) from None


def _refuse_full(conversation: Conversation) -> None:
    most = get_config().max_conversation_turns
    if conversation.n_turns >= most:
        raise Conflict(f"a conversation has at most {most} questions: begin a new one")


def _title(question: str) -> str:
    words = " ".join(question.split())
    return words if len(words) <= MAX_TITLE_CHARS else words[: MAX_TITLE_CHARS - 1] + "…"


def _turn_columns(question: str, answer: Answer) -> dict[str, Any]:
    citations = [asdict(citation) for citation in answer.citations]
    for citation in citations:
        # The text is that of the stored version; here it would outlive its deletion.
        del citation["text"]
    return {
        "question": question,
        "standalone": answer.question,
        "answer": answer.text,
        "is_found": answer.found,
        "is_supported": answer.is_supported,
        "method": answer.method.value,
        "citations": citations,
        "request_id": answer.request_id,
    }


def _view(row: Conversation) -> ConversationView:
    return ConversationView(
        id=row.public_id,
        title=row.title,
        n_turns=row.n_turns,
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.updated_at + timedelta(days=get_config().conversation_days),
        row_id=row.id,
    )


def _turn_view(row: ConversationTurn) -> TurnView:
    return TurnView(
        position=row.position,
        question=row.question,
        standalone=row.standalone,
        answer=row.answer,
        found=row.is_found,
        supported=row.is_supported,
        method=row.method,
        citations=row.citations,
        request_id=row.request_id,
        created_at=row.created_at,
    )
