"""The REST of conversations."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.conversations import service
from embedhub.conversations.schemas import (
    ConversationPage,
    ConversationWithTurnsOut,
    DeletedConversationOut,
)
from embedhub.conversations.service import ConversationView
from embedhub.web.authentication import Principals, from_query, narrowed_caller
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["conversations"])


@router.get("/conversations", response=ConversationPage, summary="List conversations")
def list_conversations(
    request: HttpRequest,
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """The conversations of this key, newest first: those that these principals may see whole."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    size = page_limit(limit)
    before = decode_cursor("conversations", cursor)
    views = service.list_conversations(caller, before=before, limit=size + 1)
    listed: Any = page("conversations", views, size, lambda view: view.row_id)
    return respond({**listed, "items": [conversation_of(view) for view in listed["items"]]})


@router.get(
    "/conversations/{conversation_id}",
    response=ConversationWithTurnsOut,
    summary="Read a conversation",
)
def get_conversation(
    request: HttpRequest,
    conversation_id: str,
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """A conversation with its questions and answers, oldest first."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    size = page_limit(limit)
    after = decode_cursor("turns", cursor) or 0
    view, turns = service.get_conversation(caller, conversation_id, after=after, limit=size + 1)
    listed = page("turns", turns, size, lambda turn: turn.position)
    return respond(
        {
            "conversation": conversation_of(view),
            "turns": listed["items"],
            "cursor": listed["cursor"],
        }
    )


@router.delete(
    "/conversations/{conversation_id}",
    response=DeletedConversationOut,
    summary="Delete a conversation",
)
def delete_conversation(
    request: HttpRequest, conversation_id: str, principals: Principals = None
) -> HttpResponse:
    """Delete a conversation of this key with all that was said, for good."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    service.delete_conversation(caller, conversation_id)
    return respond({"id": conversation_id, "deleted": True})


def conversation_of(view: ConversationView) -> dict[str, Any]:
    """Return a conversation as its JSON."""
    return {
        "id": view.id,
        "title": view.title,
        "n_turns": view.n_turns,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
        "expires_at": view.expires_at,
    }
