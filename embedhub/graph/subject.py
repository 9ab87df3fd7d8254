"""What an analysis is about: whose rows, and which of them; pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Owner(StrEnum):
    """Who has rows, as paths name it."""

    COLLECTIONS = "collections"
    CATALOGS = "catalogs"


class Level(StrEnum):
    """What the rows are: documents or their passages of a collection, items of a catalog."""

    DOCUMENT = "document"
    CHUNK = "chunk"
    ITEM = "item"


LEVELS = {
    Owner.COLLECTIONS: (Level.DOCUMENT, Level.CHUNK),
    Owner.CATALOGS: (Level.ITEM,),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """All rows of one level of a collection or of a catalog."""

    workspace_id: int
    collection_id: int | None
    catalog_id: int | None
    level: Level

    @property
    def owner_name(self) -> str:
        """Return what runs over the owner as a whole name as their subject."""
        if self.collection_id is not None:
            return f"collection {self.collection_id}"
        return f"catalog {self.catalog_id}"

    @property
    def name(self) -> str:
        """Return what runs over these rows name as their subject."""
        return f"{self.owner_name}, {self.level}s"

    @property
    def arguments(self) -> dict[str, Any]:
        """Return what the arguments of a run over these rows say of it; `read_subject` reads it."""
        owner = "collection_id" if self.collection_id is not None else "catalog_id"
        return {
            "workspace_id": self.workspace_id,
            owner: self.collection_id or self.catalog_id,
            "level": self.level.value,
        }


def read_subject(arguments: dict[str, Any]) -> Subject:
    """Return the subject that a run's arguments name."""
    collection_id, catalog_id = arguments.get("collection_id"), arguments.get("catalog_id")
    return Subject(
        workspace_id=int(arguments["workspace_id"]),
        collection_id=None if collection_id is None else int(collection_id),
        catalog_id=None if catalog_id is None else int(catalog_id),
        level=Level(arguments["level"]),
    )


@dataclass(frozen=True, slots=True)
class Node:
    """A row as analyses read it: a document with its live text, a live passage, or an item.

    `id` is that of the document, chunk or item. A passage has the `external_id`, title, metadata
    and access of its document, and its place there. `language` is the owner's where the row has
    none of its own; `source` is the metadata's field of this name, or the host of the URL.
    """

    id: int
    external_id: str
    title: str
    text: str
    url: str | None
    metadata: dict[str, Any]
    access: list[str] | None
    language: str
    source: str | None
    created_at: datetime
    content_hash: bytes
    document_id: int | None = None
    position: int | None = None
