"""The JSON of API keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from embedhub.access.service import MAX_NAME_CHARS, MAX_PRINCIPALS
from embedhub.web.body import AnswerBody, RequestBody


class KeyIn(RequestBody):
    """A key to make."""

    name: str = Field(max_length=MAX_NAME_CHARS, examples=["search page"])
    scopes: list[Literal["read", "write", "admin"]] = Field(default=["read"], max_length=3)
    collections: list[str] | None = Field(
        default=None, max_length=1_000, description="Slugs; null opens every collection."
    )
    principals: list[str] | None = Field(
        default=None,
        max_length=MAX_PRINCIPALS,
        description="The key sees documents these may see; null sees every document.",
    )
    expires_at: Annotated[datetime, Field(strict=False)] | None = None


class KeyOut(AnswerBody):
    """A key without its secret."""

    id: int
    workspace_id: int
    name: str
    prefix: str = Field(examples=["eh_Ab3dE5fG"])
    scopes: list[str]
    collection_ids: list[int] | None
    principals: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(AnswerBody):
    """A new key with its secret, which is shown this once and is null in a repeated answer."""

    key: KeyOut
    secret: str | None = Field(examples=["eh_Ab3dE5fG_..."])


class KeyPage(AnswerBody):
    """A page of keys."""

    items: list[KeyOut]
    cursor: str | None
