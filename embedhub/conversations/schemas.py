"""The JSON of conversations."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import Field

from embedhub.web.body import AnswerBody


class ConversationOut(AnswerBody):
    """A conversation without what was said."""

    id: uuid.UUID
    title: str = Field(description="The first question, cut.")
    n_turns: int
    created_at: datetime
    updated_at: datetime = Field(description="When it was answered last.")
    expires_at: datetime = Field(description="When it is deleted unless it goes on.")


class ConversationPage(AnswerBody):
    """A page of conversations."""

    items: list[ConversationOut]
    cursor: str | None


class TurnCitationOut(AnswerBody):
    """A range of characters of a stored document version, `end` not included."""

    number: int
    collection: str
    external_id: str
    title: str
    url: str | None
    version: int
    start: int
    end: int
    page: int | None


class TurnOut(AnswerBody):
    """A question with its answer."""

    position: int
    question: str
    standalone: str = Field(description="What was searched for.")
    answer: str
    found: bool
    supported: bool = Field(description="Whether every sentence is backed by what it cites.")
    method: Literal["extractive", "generated"]
    citations: list[TurnCitationOut]
    request_id: uuid.UUID
    created_at: datetime


class ConversationWithTurnsOut(AnswerBody):
    """A conversation and a page of what was said, oldest first."""

    conversation: ConversationOut
    turns: list[TurnOut]
    cursor: str | None


class DeletedConversationOut(AnswerBody):
    """A conversation that is gone."""

    id: uuid.UUID
    deleted: Literal[True]
