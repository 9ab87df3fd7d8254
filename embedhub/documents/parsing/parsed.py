"""What every parser yields: documents ready to be sent, or the reason why a file gave none."""

import math
from dataclasses import dataclass, field
from typing import Any

import orjson

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


def why_unsendable(document: ParsedDocument) -> str | None:
    """Return why a document cannot be sent as JSON as it is, None when it can."""
    try:
        orjson.dumps(document.as_json())
    except orjson.JSONEncodeError as error:
        return f"cannot be sent as JSON: {error}"
    # What follows would be written as null: something else than the file says.
    waiting: list[object] = [document.metadata]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, float) and not math.isfinite(value):
            return "cannot be sent as JSON: a number is not finite"
    return None
