"""The SQL of conversations; every statement but those of retention names whose they are."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Text,
    cast,
    delete,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from embedhub.tables import Conversation, ConversationTurn

# A deleted collection takes its conversations out of sight at once.
_HAS_ITS_COLLECTIONS = literal_column(
    "NOT EXISTS (SELECT FROM unnest(conversations.collection_ids) AS held (id)"
    " WHERE NOT EXISTS (SELECT FROM collections c WHERE c.id = held.id AND c.deleted_at IS NULL))",
    Boolean,
)


@dataclass(frozen=True, slots=True)
class Whose:
    """Who asks: a key of a workspace, None for staff, and what it may see."""

    workspace_id: int
    key_id: int | None
    principals: Sequence[str] | None

    def owns(self) -> list[ColumnElement[bool]]:
        """Return what holds of a conversation that may be shown: it was for no other eyes."""
        conditions: list[Any] = [
            Conversation.workspace_id == self.workspace_id,
            Conversation.api_key_id.is_not_distinct_from(self.key_id),
            _HAS_ITS_COLLECTIONS,
        ]
        if self.principals is not None:
            allowed = cast(list(self.principals), ARRAY(Text))
            conditions.append(Conversation.principals.op("<@", is_comparison=True)(allowed))
        return conditions


def find(
    session: Session, whose: Whose, public_id: uuid.UUID, *, is_for_update: bool = False
) -> Conversation | None:
    """Return a conversation, None unless it is there to be shown."""
    statement = select(Conversation).where(Conversation.public_id == public_id, *whose.owns())
    if is_for_update:
        statement = statement.with_for_update(of=Conversation)
    return session.scalars(statement).one_or_none()


def list_page(
    session: Session, whose: Whose, *, before: int | None, limit: int
) -> list[Conversation]:
    """Return the newest conversations, from the one behind `before` on."""
    statement = select(Conversation).where(*whose.owns())
    if before is not None:
        statement = statement.where(Conversation.id < before)
    return list(session.scalars(statement.order_by(Conversation.id.desc()).limit(limit)))


def insert_conversation(session: Session, **columns: Any) -> Conversation:
    """Begin a conversation."""
    return session.scalars(insert(Conversation).values(**columns).returning(Conversation)).one()


def insert_turn(session: Session, conversation: Conversation, **columns: Any) -> None:
    """Add a question with its answer behind the others; the conversation's row is held."""
    conversation.n_turns += 1
    conversation.updated_at = func.now()
    session.execute(
        insert(ConversationTurn).values(
            conversation_id=conversation.id, position=conversation.n_turns, **columns
        )
    )


def list_turns(
    session: Session, conversation_id: int, *, after: int, limit: int
) -> list[ConversationTurn]:
    """Return questions with their answers in their order, from the one behind `after` on."""
    return list(
        session.scalars(
            select(ConversationTurn)
            .where(
                ConversationTurn.conversation_id == conversation_id,
                ConversationTurn.position > after,
            )
            .order_by(ConversationTurn.position)
            .limit(limit)
        )
    )


def last_turns(session: Session, conversation_id: int, *, limit: int) -> list[ConversationTurn]:
    """Return the latest questions with their answers, oldest first."""
    rows = session.scalars(
        select(ConversationTurn)
        .where(ConversationTurn.conversation_id == conversation_id)
        .order_by(ConversationTurn.position.desc())
        .limit(limit)
    ).all()
    return list(reversed(rows))


def delete_one(session: Session, whose: Whose, public_id: uuid.UUID) -> bool:
    """Delete a conversation with its turns and say whether it was there."""
    statement = (
        delete(Conversation)
        .where(Conversation.public_id == public_id, *whose.owns())
        .returning(Conversation.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(statement).one_or_none() is not None


def delete_old(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete conversations unused for this long, or of a collection that is gone; return n."""
    old = (
        select(Conversation.id)
        .where(
            or_(Conversation.updated_at < func.now() - older_than, not_(_HAS_ITS_COLLECTIONS)),
        )
        .order_by(Conversation.id)
        .limit(limit)
    )
    statement = (
        delete(Conversation)
        .where(Conversation.id.in_(old))
        .returning(Conversation.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.scalars(statement).all())
