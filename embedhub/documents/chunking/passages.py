"""A passage, and what of it an encoder is given."""

import hashlib
from dataclasses import dataclass

# Of a title and of a heading path this much is encoded with every passage (about 75 and 50 tokens;
# bytes, because a Chinese character is a token and three bytes).
MAX_TITLE_BYTES, MAX_HEADING_BYTES = 300, 200


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: `text == document_text[start:end]`, offsets in code points.

    `n_tokens` counts the text alone, without title, headings and special tokens. Of a
    whole-document passage it is the words and signs of the first 20,000 characters: nothing is cut
    by it, and the encoder's own count would cost a twentieth of encoding the text.
    """

    position: int
    start: int
    end: int
    text: str
    heading_path: str
    n_tokens: int


def encoder_input(title: str, heading_path: str, text: str) -> str:
    """Return what is encoded for a passage: title, headings and text, joined by spaces.

    A very long title or heading path is cut, so that it never displaces the text.
    """
    title = _first_bytes(title.strip(), MAX_TITLE_BYTES)
    # The first heading of a page is mostly its title again.
    heading = "" if heading_path == title else heading_path.removeprefix(f"{title} > ")
    return " ".join(part for part in (title, _last_bytes(heading, MAX_HEADING_BYTES), text) if part)


def input_hash(encoder_input: str) -> bytes:
    """Return the SHA-256 of what is encoded: equal inputs share one vector."""
    return hashlib.sha256(encoder_input.encode()).digest()


def _first_bytes(text: str, limit: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore").rstrip()


def _last_bytes(text: str, limit: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[-limit:].decode(errors="ignore").lstrip()
