"""What every parser yields: documents ready to be sent, or the reason why a file gave none."""

from dataclasses import dataclass, field
from typing import Any

# The largest file that is read whole (everything but .jsonl and .csv), bytes.
MAX_FILE_BYTES = 64 * 2**20
# The longest line of .jsonl or .csv, bytes.
MAX_LINE_BYTES = 16 * 2**20
MAX_TITLE_CHARS = 200


class Unreadable(ValueError):
    """A file, or one record of it, is not what its name promises; the text says why."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """One document of a file, in the fields of the REST interface."""

    external_id: str
    title: str
    text: str
    url: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the document as the body of an upsert holds it."""
        return {
            "external_id": self.external_id,
            "title": self.title,
            "text": self.text,
            "url": self.url,
            "metadata": self.metadata,
        }


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file, or a record of it, that gave no document."""

    path: str
    reason: str


def shorten_title(title: str) -> str:
    """Return a title on one line, cut to a sensible length."""
    title = " ".join(title.split())
    return title if len(title) <= MAX_TITLE_CHARS else title[: MAX_TITLE_CHARS - 1] + "…"
