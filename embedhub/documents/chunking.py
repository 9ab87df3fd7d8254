"""Documents to passages: counted in the encoder's own tokens, with offsets into the stored text."""

import hashlib
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from semantic_text_splitter import MarkdownSplitter, TextSplitter
from tokenizers import Tokenizer

from embedhub.documents.headings import Heading, find_headings, heading_path_at
from embedhub.errors import InvalidInput

DEFAULT_MAX_TOKENS, MIN_MAX_TOKENS, MAX_MAX_TOKENS = 200, 16, 8_192
DEFAULT_OVERLAP_TOKENS = 32
# Text is split in windows, so that time and memory grow no faster than its length.
WINDOW_CHARS = 100_000
# The splitter's time is quadratic in a run without any boundary: measured on Chinese without
# punctuation, 100,000 characters took 7.5 s at once and 0.3 s in small windows.
RUN_WITHOUT_BOUNDARY = re.compile(r"[^\s.!?。！？]{2000}")
SMALL_WINDOW_CHARS = 2_000
# A run without spaces can be a single unknown token; this keeps its passages short all the same.
MAX_CHARS_PER_TOKEN = 16
# Of a title and of a heading path this much is encoded with every passage (about 75 and 50 tokens;
# bytes, because a Chinese character is a token and three bytes).
MAX_TITLE_BYTES, MAX_HEADING_BYTES = 300, 200
# A whole-document passage is read only as far as the encoder reads; no need to count 5 MB.
COUNTED_CHARS = 20_000
WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")


class ChunkingStrategy(StrEnum):
    """How a document becomes passages: many short ones, or one that covers everything."""

    PASSAGES = "passages"
    DOCUMENT = "document"


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


@dataclass(frozen=True, slots=True)
class Chunking:
    """A collection's chunking; the two numbers matter to the passages strategy only.

    `max_tokens` is the most one passage's own text may have. What the encoder reads besides it
    (title, headings, special tokens) comes on top, and passages get shorter where it would not
    fit: nothing of a passage stays unread. Neighbours share up to `overlap_tokens`.
    """

    strategy: ChunkingStrategy = ChunkingStrategy.PASSAGES
    max_tokens: int = DEFAULT_MAX_TOKENS
    overlap_tokens: int = DEFAULT_OVERLAP_TOKENS

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Chunking":
        """Return the chunking a caller described; InvalidInput names the field that is wrong."""
        unknown = mapping.keys() - {"strategy", "max_tokens", "overlap_tokens"}
        if unknown:
            raise InvalidInput("unknown field", f"chunking.{min(map(str, unknown))}")
        strategy = mapping.get("strategy", ChunkingStrategy.PASSAGES)
        if strategy not in list(ChunkingStrategy):
            raise InvalidInput(f"must be one of {[*ChunkingStrategy]}", "chunking.strategy")
        max_tokens = _whole_number(
            mapping, "max_tokens", DEFAULT_MAX_TOKENS, MIN_MAX_TOKENS, MAX_MAX_TOKENS
        )
        # More than half would repeat every sentence in three passages or more.
        overlap = _whole_number(
            mapping,
            "overlap_tokens",
            min(DEFAULT_OVERLAP_TOKENS, max_tokens // 4),
            0,
            max_tokens // 2,
        )
        return cls(ChunkingStrategy(strategy), max_tokens, overlap)

    def as_mapping(self) -> dict[str, str | int]:
        """Return what from_mapping turns into an equal chunking."""
        return {
            "strategy": self.strategy.value,
            "max_tokens": self.max_tokens,
            "overlap_tokens": self.overlap_tokens,
        }


def split(
    text: str,
    chunking: Chunking,
    tokenizer: Tokenizer,
    *,
    title: str = "",
    encoder_tokens: int | None = None,
    markdown: bool = False,
) -> list[Passage]:
    """Return the passages of a text in order: together everything of it but white space.

    A blank text gives one empty passage if there is a title to encode, else none. With
    `encoder_tokens` (the encoder's max_tokens) passages leave room for title and headings.
    """
    if not text or text.isspace():
        return [Passage(0, 0, 0, "", "", 0)] if title.strip() else []
    if chunking.strategy is ChunkingStrategy.DOCUMENT:
        n_tokens = len(WORD_OR_SIGN.findall(text, 0, COUNTED_CHARS))
        return [Passage(0, 0, len(text), text, "", n_tokens)]
    headings = find_headings(text) if markdown else []
    capacity = _capacity(chunking.max_tokens, encoder_tokens, title, headings, tokenizer)
    overlap = min(chunking.overlap_tokens, capacity // 2)
    passages: list[Passage] = []
    for window_start, window_end in _windows(text):
        window = text[window_start:window_end]
        for start, end, n_tokens in _split_window(window, capacity, overlap, tokenizer, markdown):
            begin, finish = window_start + start, window_start + end
            path = heading_path_at(headings, text, begin)
            passages.append(
                Passage(len(passages), begin, finish, text[begin:finish], path, n_tokens)
            )
    return passages


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


def count_tokens(text: str, tokenizer: Tokenizer) -> int:
    """Return how many tokens the text has, special tokens left out."""
    return len(tokenizer.encode_batch_fast([text], add_special_tokens=False)[0])


def _whole_number(
    mapping: Mapping[str, Any], key: str, default: int, lowest: int, highest: int
) -> int:
    number = mapping.get(key, default)
    if type(number) is not int or not lowest <= number <= highest:
        raise InvalidInput(f"must be a whole number from {lowest} to {highest}", f"chunking.{key}")
    return number


def _capacity(
    max_tokens: int,
    encoder_tokens: int | None,
    title: str,
    headings: list[Heading],
    tokenizer: Tokenizer,
) -> int:
    if encoder_tokens is None:
        return max_tokens
    paths = {heading.path for heading in headings} | {""}
    besides = [encoder_input(title, path, "") for path in paths]
    longest = max(len(e) for e in tokenizer.encode_batch_fast(besides, add_special_tokens=False))
    room = encoder_tokens - tokenizer.num_special_tokens_to_add(False) - longest
    return min(max_tokens, max(room, encoder_tokens // 4))


def _windows(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        size = WINDOW_CHARS
        if RUN_WITHOUT_BOUNDARY.search(text, start, start + size):
            size = SMALL_WINDOW_CHARS
        end = min(start + size, len(text))
        if end < len(text):
            end = _boundary(text, start + size // 2, end)
        yield start, end
        start = end


def _boundary(text: str, lowest: int, highest: int) -> int:
    for separator in ("\n# ", "\n## ", "\n\n", "\n", ". ", "。", " "):
        found = text.rfind(separator, lowest, highest)
        if found >= 0:
            # A heading opens the next window; all else closes this one.
            return found + 1 if "#" in separator else found + len(separator)
    # No sign may be parted from the accents and joiners that follow it.
    while highest > lowest + 1 and unicodedata.category(text[highest])[0] in "MC":
        highest -= 1
    return highest


def _split_window(
    window: str, capacity: int, overlap: int, tokenizer: Tokenizer, markdown: bool
) -> Iterator[tuple[int, int, int]]:
    count = _position_counter(window, tokenizer)
    trimmed = window.strip()
    if count(trimmed) <= capacity and len(trimmed) <= capacity * MAX_CHARS_PER_TOKEN:
        if trimmed:
            start = window.index(trimmed)
            yield start, start + len(trimmed), count(trimmed)
        return

    def size(piece: str) -> int:
        return max(count(piece), -(-len(piece) // MAX_CHARS_PER_TOKEN))

    kind = MarkdownSplitter if markdown else TextSplitter
    for start, piece in kind.from_callback(size, capacity, overlap).chunk_indices(window):
        end = start + len(piece)
        if _cuts_a_word(window, start) or _cuts_a_word(window, end):
            yield from _fitting(start, piece, capacity, tokenizer)
        else:
            yield start, end, count(piece)


def _position_counter(window: str, tokenizer: Tokenizer) -> Callable[[str], int]:
    """Return a token count for pieces of the window that tokenises the window only once.

    The splitter asks for the size of some fifteen pieces a passage; tokenising each of them made
    it three times slower. Where a piece occurs twice, both places have the same tokens.
    """
    encoding = tokenizer.encode(window, add_special_tokens=False)
    starts = [start for start, _ in encoding.offsets]
    last_found = 0

    def count(piece: str) -> int:
        nonlocal last_found
        found = window.find(piece, max(0, last_found - len(piece)))
        if found < 0:
            found = window.index(piece)
        last_found = found
        return bisect_left(starts, found + len(piece)) - bisect_left(starts, found)

    return count


def _cuts_a_word(window: str, offset: int) -> bool:
    return 0 < offset < len(window) and not (
        window[offset - 1].isspace() or window[offset].isspace()
    )


def _fitting(
    start: int, piece: str, capacity: int, tokenizer: Tokenizer
) -> Iterator[tuple[int, int, int]]:
    # Half a word can have more tokens than its part of the whole word had.
    n_tokens = count_tokens(piece, tokenizer)
    if n_tokens <= capacity:
        yield start, start + len(piece), n_tokens
        return
    exact = TextSplitter.from_huggingface_tokenizer(tokenizer, capacity)
    for offset, part in exact.chunk_indices(piece):
        begin = start + offset
        yield begin, begin + len(part), count_tokens(part, tokenizer)


def _first_bytes(text: str, limit: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore").rstrip()


def _last_bytes(text: str, limit: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[-limit:].decode(errors="ignore").lstrip()
