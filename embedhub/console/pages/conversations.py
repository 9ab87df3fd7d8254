"""What a conversation's page shows: every question with its answer, in order."""

from datetime import datetime, timedelta
from typing import Any

from embedhub.config import get_config
from embedhub.conversations.service import TURNS_READ, read_turns


def said(object_id: str) -> dict[str, Any]:
    """Return what the template of a conversation's page shows; empty for what is no id."""
    if not object_id.isdecimal() or len(object_id) > 18:
        return {}
    return {"turns": read_turns(int(object_id)), "n_shown": TURNS_READ}


def end_of(updated_at: datetime) -> datetime:
    """Return when a conversation is deleted unless it goes on."""
    return updated_at + timedelta(days=get_config().conversation_days)
