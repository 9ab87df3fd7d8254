"""What a caller says about a file beside its bytes, checked as it is for documents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub.documents.inputs import DocumentInput, parse_document
from embedhub.errors import InvalidInput

# Of a document, what may be said of all that a file holds.
FIELDS = ("title", "url", "metadata", "access", "language", "expires_at")


@dataclass(frozen=True, slots=True)
class FileFields:
    """What every document of a file gets; the title only where there is one document."""

    external_id: str
    title: str | None
    url: str | None
    metadata: dict[str, Any]
    access: tuple[str, ...] | None
    language: str | None
    expires_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return what the table keeps of it, beside the columns of its own."""
        kept: dict[str, Any] = {}
        for name in ("title", "url", "metadata", "language"):
            if value := getattr(self, name):
                kept[name] = value
        return kept


def parse_fields(raw: dict[str, Any], field: str) -> FileFields:
    """Return the fields of a file; raises InvalidInput or TooLarge naming the part."""
    unknown = raw.keys() - {"external_id", *FIELDS}
    if unknown:
        known = ", ".join(("external_id", *FIELDS))
        raise InvalidInput(f"unknown field; known are {known}", f"{field}.{min(unknown)}")
    checked: DocumentInput = parse_document({**raw, "text": ""}, field)
    return FileFields(
        external_id=checked.external_id,
        title=checked.title or None,
        url=checked.url,
        metadata=checked.metadata,
        access=checked.access,
        language=checked.language,
        expires_at=checked.expires_at,
    )
