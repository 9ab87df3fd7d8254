"""Conversations, kept for a time, and the endpoint that words a workspace's answers."""

import uuid
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp


class LlmSetting(Base):
    """What words the answers of one workspace, in place of what the installation has."""

    __tablename__ = "llm_settings"
    __table_args__ = (
        CheckConstraint(
            "NOT is_enabled OR (base_url IS NOT NULL AND name IS NOT NULL)", name="enabled_is_whole"
        ),
    )

    id: Mapped[Id]
    workspace_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("workspaces.id", ondelete="CASCADE"), unique=True
    )
    # false: answers are sentences of the documents, whatever the installation has
    is_enabled: Mapped[bool]
    base_url: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    # sealed with the installation's secret; null: the endpoint wants none
    api_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    temperature: Mapped[float | None] = mapped_column(Float)
    max_tokens: Mapped[int | None] = mapped_column(Integer)
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class Conversation(Base):
    """Questions that follow on each other, of one key and for certain eyes."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_of_key", "workspace_id", "api_key_id", "id"),
        Index(None, "updated_at"),
    )

    id: Mapped[Id]
    # what callers know it by: cannot be guessed
    public_id: Mapped[uuid.UUID] = mapped_column(Uuid, unique=True)
    workspace_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("workspaces.id", ondelete="CASCADE")
    )
    # null: begun by staff
    api_key_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("api_keys.id", ondelete="CASCADE")
    )
    # whose documents its answers were drawn from; null: every document's
    principals: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    collection_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    # the first question, cut
    title: Mapped[str] = mapped_column(Text)
    n_turns: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[CreatedAt]
    # of the last answer
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class ConversationTurn(Base):
    """One question of a conversation with its answer."""

    __tablename__ = "conversation_turns"

    id: Mapped[Id]
    conversation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("conversations.id", ondelete="CASCADE")
    )
    # from 1
    position: Mapped[int] = mapped_column(Integer)
    question: Mapped[str] = mapped_column(Text)
    # what was searched for: the question on its own, without what was said before
    standalone: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    is_found: Mapped[bool]
    # whether every sentence is backed by what it cites
    is_supported: Mapped[bool]
    method: Mapped[str] = mapped_column(Text)
    # ranges of stored versions, without their text
    citations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    request_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        Index("uq_conversation_turns_position", "conversation_id", "position", unique=True),
    )
