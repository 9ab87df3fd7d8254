"""What a caller sends as a document, checked: every refusal names the path of the part."""

import binascii
import hashlib
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from embedhub.config import get_config
from embedhub.documents.formats import DocumentFormat, parse_format, parse_page_starts
from embedhub.errors import InvalidInput, TooLarge

MAX_EXTERNAL_ID_CHARS = 512
MAX_URL_CHARS = 4_000
MAX_PRINCIPAL_CHARS = 256
INT64_MAX = 2**63 - 1
NUMBERS = frozenset({int, float})
TRUE, FALSE = struct.pack("f", True), struct.pack("f", False)
NOT_FINITE = "must hold finite numbers only (no NaN, no infinity)"
MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdx")
FIELDS = frozenset(
    {
        "external_id",
        "title",
        "text",
        "url",
        "metadata",
        "access",
        "source_version",
        "language",
        "expires_at",
        "vector",
        "format",
        "page_starts",
    }
)


@dataclass(frozen=True, slots=True)
class DocumentInput:
    """A document as sent; `vector` is float32 and finite."""

    external_id: str
    title: str
    text: str
    url: str | None
    metadata: dict[str, Any]
    access: tuple[str, ...] | None
    source_version: int | None
    language: str | None
    expires_at: datetime | None
    vector: NDArray[np.float32] | None
    # None: told from the name the text came under
    sent_format: DocumentFormat | None = None
    # offset at which page n begins, at place n-1; None: no pages
    page_starts: tuple[int, ...] | None = None
    # of the stored file it was read from; never a caller's to choose
    file_id: int | None = None

    @property
    def format(self) -> DocumentFormat:
        """What the text is written in: as sent, else by the name it came under."""
        if self.sent_format is not None:
            return self.sent_format
        name = (self.url or self.external_id).lower()
        is_markdown = name.endswith(MARKDOWN_SUFFIXES)
        return DocumentFormat.MARKDOWN if is_markdown else DocumentFormat.PLAIN

    @property
    def is_markdown(self) -> bool:
        """Whether the text's headings and lists are Markdown's."""
        return self.format is DocumentFormat.MARKDOWN

    def content_hash(self, stored_vector: NDArray[np.float32] | None = None) -> bytes:
        """Return the SHA-256 of what chunks, words and vector follow from.

        Equal hashes need no new generation. `stored_vector` is the vector as the space holds it.
        """
        sent: list[object] = [self.title, self.text, self.language, self.is_markdown]
        # Without these the hash is what it was before there were any.
        if self.format is DocumentFormat.CODE:
            sent.append(self.format)
        if self.page_starts is not None:
            sent.append(self.page_starts)
        digest = hashlib.sha256(orjson.dumps(sent))
        if stored_vector is not None:
            digest.update(stored_vector.tobytes())
        return digest.digest()

    def whole_hash(self, content_hash: bytes | None = None) -> bytes:
        """Return the SHA-256 of everything sent: equal hashes mean that nothing changed."""
        rest: list[object] = [self.url, self.metadata, self.access, self.expires_at]
        if self.file_id is not None:
            rest.append(self.file_id)
        digest = hashlib.sha256(content_hash or self.content_hash())
        digest.update(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS))
        return digest.digest()


Decode = Callable[[object, str], NDArray[np.float32] | None]


def parse_document(raw: object, field: str, *, decode: Decode | None = None) -> DocumentInput:
    """Return the document that a decoded JSON value describes.

    Raises InvalidInput or TooLarge with the path, such as documents.3.metadata.year. `decode`
    reads the vector: `parse_vector`, unless whoever prepares the document looks at its values.
    """
    if not isinstance(raw, dict):
        raise InvalidInput("must be an object", field)
    if not raw.keys() <= FIELDS:
        unknown = min(str(key) for key in raw.keys() - FIELDS)
        raise InvalidInput(
            f"unknown field; known are {', '.join(sorted(FIELDS))}", f"{field}.{unknown}"
        )
    config = get_config()
    given = raw.get
    text = _string(given("text"), field, "text", config.max_text_chars) or ""
    return DocumentInput(
        external_id=parse_external_id(given("external_id"), f"{field}.external_id"),
        title=_string(given("title"), field, "title", config.max_title_chars) or "",
        text=text,
        url=_string(given("url"), field, "url", MAX_URL_CHARS),
        metadata=parse_metadata(given("metadata"), f"{field}.metadata"),
        access=parse_principals(given("access"), f"{field}.access"),
        source_version=parse_source_version(given("source_version"), f"{field}.source_version"),
        language=_string(given("language"), field, "language", 64),
        expires_at=parse_timestamp(given("expires_at"), f"{field}.expires_at"),
        vector=(decode or parse_vector)(given("vector"), f"{field}.vector"),
        sent_format=parse_format(given("format"), f"{field}.format"),
        page_starts=parse_page_starts(given("page_starts"), len(text), f"{field}.page_starts"),
    )


def check_string(value: object, field: str, max_chars: int) -> str:
    """Return the value if it is a string that PostgreSQL can store; `field` names it otherwise."""
    if not isinstance(value, str):
        raise InvalidInput("must be a string", field)
    if len(value) > max_chars:
        raise TooLarge(f"{len(value):,} characters; at most {max_chars:,} are accepted", field)
    if "\x00" in value:
        raise InvalidInput("must not hold a NUL character", field)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput("holds a lone surrogate, which is not text", field) from None
    return value


def _string(value: object, field: str, name: str, max_chars: int) -> str | None:
    return None if value is None else check_string(value, f"{field}.{name}", max_chars)


def parse_external_id(value: object, field: str) -> str:
    """Return the caller's id; raises InvalidInput or TooLarge naming `field`."""
    if value is None:
        raise InvalidInput("is required", field)
    external_id = check_string(value, field, MAX_EXTERNAL_ID_CHARS)
    if not external_id.strip():
        raise InvalidInput("must not be blank", field)
    return external_id


def parse_principals(value: object, field: str) -> tuple[str, ...] | None:
    """Return the sorted distinct principals; None stays None."""
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise InvalidInput("must be a list of strings or null", field)
    limit = get_config().max_access_entries
    if len(value) > limit:
        raise TooLarge(f"{len(value):,} entries; at most {limit:,} are accepted", field)
    return tuple(
        sorted({check_string(v, f"{field}.{i}", MAX_PRINCIPAL_CHARS) for i, v in enumerate(value)})
    )


def parse_source_version(value: object, field: str) -> int | None:
    """Return the caller's version number; None stays None. Raises InvalidInput."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT64_MAX:
        raise InvalidInput("must be a whole number from 0 to 2^63-1", field)
    return value


def parse_timestamp(value: object, field: str) -> datetime | None:
    """Return the moment in UTC, which is also what a time without zone is; None stays None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput("must be an ISO 8601 time such as 2027-01-31T12:00:00Z", field)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidInput("must be an ISO 8601 time such as 2027-01-31T12:00:00Z", field) from None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidInput("lies outside the years 1 to 9999 in UTC", field) from None


def parse_metadata(value: object, field: str) -> dict[str, Any]:
    """Return an object that PostgreSQL can store; {} for None. Raises InvalidInput, TooLarge."""
    config = get_config()
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput("must be an object", field)
    _check_json(value, field, config.max_metadata_depth)
    try:
        n_bytes = len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        # A whole number beyond 64 bits is the one thing left that cannot be written.
        raise InvalidInput("holds a number that cannot be stored", field) from None
    if n_bytes > config.max_metadata_bytes:
        limit = config.max_metadata_bytes
        raise TooLarge(f"{n_bytes:,} bytes of JSON; at most {limit:,} are accepted", field)
    return value


def _check_json(value: object, field: str, depth: int) -> None:
    if depth < 0:
        raise InvalidInput("is nested too deeply", field)
    if isinstance(value, dict):
        for key, inner in value.items():
            check_string(key, field, MAX_EXTERNAL_ID_CHARS)
            _check_json(inner, f"{field}.{key}", depth - 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _check_json(inner, f"{field}.{place}", depth - 1)
    elif isinstance(value, str):
        check_string(value, field, get_config().max_metadata_bytes)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("must be a finite number", field)


def parse_vector(value: object, field: str) -> NDArray[np.float32] | None:
    """Return a float32 vector from a list of numbers or base64 of little-endian float32.

    Raises InvalidInput for anything else, for an empty vector, and for NaN or infinity.
    """
    vector = decode_vector(value, field)
    if vector is not None and not np.isfinite(vector).all():
        raise InvalidInput(NOT_FINITE, field)
    return vector


def decode_vector(value: object, field: str) -> NDArray[np.float32] | None:
    """Return the vector as `parse_vector` does, with NaN and infinity still to be looked for."""
    if value is None:
        return None
    if isinstance(value, str):
        vector = _decode_base64(value, field)
    elif isinstance(value, list):
        vector = _decode_numbers(value, field)
    else:
        raise InvalidInput("must be a list of numbers or base64 of little-endian float32", field)
    if not vector.size:
        raise InvalidInput("must not be empty", field)
    return vector


def _decode_numbers(value: list[Any], field: str) -> NDArray[np.float32]:
    # A third of what NumPy takes to read a list; beyond float32 is infinity here as well.
    try:
        packed = struct.pack(f"{len(value)}f", *value)
    except struct.error:
        raise InvalidInput("must hold numbers only", field) from None
    # What is packed without being a number is true and false.
    if (TRUE in packed or FALSE in packed) and not NUMBERS.issuperset(map(type, value)):
        raise InvalidInput("must hold numbers only", field)
    return np.frombuffer(packed, dtype=np.float32)


def _decode_base64(value: str, field: str) -> NDArray[np.float32]:
    try:
        packed = binascii.a2b_base64(value, strict_mode=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("is not valid base64", field) from None
    if len(packed) % 4:
        raise InvalidInput("is not a whole number of float32 values", field)
    return np.frombuffer(packed, dtype="<f4").astype(np.float32, copy=False)


def refuse_repeats(documents: list[DocumentInput], field: str) -> None:
    """Raise InvalidInput if a batch names an external_id twice: which should win is unsaid."""
    seen: dict[str, int] = {}
    for place, document in enumerate(documents):
        if (first := seen.setdefault(document.external_id, place)) != place:
            raise InvalidInput(
                f"repeats {field}.{first}.external_id {document.external_id!r}",
                f"{field}.{place}.external_id",
            )
