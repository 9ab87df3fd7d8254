"""What every parser yields: documents ready to be stored, or the reason why a file gave none."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

# The largest text, Markdown, HTML, JSON, mail, ... that is read whole, bytes.
MAX_FILE_BYTES = 64 * 2**20
# The longest line of .jsonl or .csv, bytes.
MAX_LINE_BYTES = 16 * 2**20
MAX_TITLE_CHARS = 200
MAX_EXTERNAL_ID_CHARS = 512


class Reason(StrEnum):
    """Why a file, or a part of it, gave no document."""

    PASSWORD = "password"  # noqa: S105 - a word, not a secret
    NO_TEXT_LAYER = "no_text_layer"
    BROKEN = "broken"
    TOO_LARGE = "too_large"
    LIMIT = "limit"  # unpacks to more, or deeper, than is read
    UNSUPPORTED = "unsupported"
    EMPTY = "empty"
    TIME = "time"
    MEMORY = "memory"


class Unreadable(ValueError):
    """A file, or one record of it, gives no document; the text says why to its owner."""

    def __init__(self, message: str, reason: Reason = Reason.BROKEN) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """One document of a file, in the fields of the REST interface.

    `format` is plain, markdown or code; None: told from the name. `page_starts` holds the offset
    in `text` at which each page begins.
    """

    external_id: str
    title: str
    text: str
    url: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    format: str | None = None
    page_starts: list[int] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the document as the body of an upsert holds it."""
        body: dict[str, Any] = {
            "external_id": self.external_id,
            "title": self.title,
            "text": self.text,
            "url": self.url,
            "metadata": self.metadata,
        }
        if self.format is not None:
            body["format"] = self.format
        if self.page_starts is not None:
            body["page_starts"] = self.page_starts
        return body


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file, or a record of it, that gave no document."""

    path: str
    reason: str
    code: Reason = Reason.BROKEN


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read, so that none takes the memory or the time of the others."""

    # of one document, characters
    max_text_chars: int = 5_000_000
    max_pages: int = 20_000
    # of an office file, whose parts are held in memory, bytes unpacked
    max_package_bytes: int = 128 * 2**20
    # of an archive, bytes unpacked, files, and archives inside of each other
    max_archive_bytes: int = 2 * 2**30
    max_archive_files: int = 10_000
    max_archive_depth: int = 3


def shorten_title(title: str) -> str:
    """Return a title on one line, cut to a sensible length."""
    title = " ".join(title.split())
    return title if len(title) <= MAX_TITLE_CHARS else title[: MAX_TITLE_CHARS - 1] + "…"


def storable(text: str) -> str:
    """Return a text without what PostgreSQL cannot store: NUL characters and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


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
