"""A document's text to its passages, by the strategy of its collection."""

import re
from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer

from embedhub.documents.chunking.headings import Heading, HeadingPaths
from embedhub.documents.chunking.packing import pack, packable
from embedhub.documents.chunking.passages import Passage, encoder_input
from embedhub.documents.chunking.pieces import Block, Kind, find_blocks
from embedhub.documents.chunking.setting import Chunking, ChunkingStrategy
from embedhub.documents.chunking.tokens import TokenOffsets, character_boundary, count_tokens

# A whole-document passage is read only as far as the encoder reads; no need to count 5 MB.
COUNTED_CHARS = 20_000
WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")
# What is shorter says too little alone: "Yes." stands with the sentence behind it.
MIN_SENTENCE_TOKENS = 8

Ranges = Iterator[tuple[int, int]]


def split(
    text: str,
    chunking: Chunking,
    tokenizer: Tokenizer,
    *,
    title: str = "",
    encoder_tokens: int | None = None,
    written_in: str = "plain",
) -> list[Passage]:
    """Return the passages of a text in order: together everything of it but white space.

    A blank text gives one empty passage if there is a title to encode, else none. With
    `encoder_tokens` (the encoder's max_tokens) passages leave room for title and headings. The
    text is written in plain, markdown or code, a document's format.
    """
    if not text or text.isspace():
        return [Passage(0, 0, 0, "", "", 0)] if title.strip() else []
    if chunking.strategy is ChunkingStrategy.DOCUMENT:
        n_tokens = len(WORD_OR_SIGN.findall(text, 0, COUNTED_CHARS))
        return [Passage(0, 0, len(text), text, "", n_tokens)]
    blocks, headings = find_blocks(text, written_in)
    tokens = TokenOffsets(text, tokenizer)
    capacity = _capacity(chunking.max_tokens, encoder_tokens, title, headings, tokenizer)
    if chunking.strategy is ChunkingStrategy.SENTENCE_WINDOW:
        ranges = _sentences(blocks, tokens, capacity)
    else:
        overlap = min(chunking.overlap_tokens, capacity // 2)
        ranges = _packed(blocks, tokens, capacity, overlap)
    paths = HeadingPaths(headings, text)
    passages: list[Passage] = []
    for start, end, n_tokens in _counted(ranges, tokens, tokenizer, capacity):
        body = text[start:end]
        passages.append(Passage(len(passages), start, end, body, paths.at(start), n_tokens))
    return passages


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


def _packed(blocks: Sequence[Block], tokens: TokenOffsets, capacity: int, overlap: int) -> Ranges:
    first, last = blocks[0].pieces[0], blocks[-1].pieces[-1]
    if tokens.count(first.start, last.end) <= capacity:
        # Most texts of most collections.
        yield first.start, last.end
        return
    packed = packable(blocks, tokens, capacity)
    for shown, behind in pack(packed, tokens, capacity=capacity, overlap=overlap):
        yield packed.pieces[shown].start, packed.pieces[behind - 1].end


def _sentences(blocks: Sequence[Block], tokens: TokenOffsets, capacity: int) -> Ranges:
    """Yield sentences, items and lines of code; tables and fenced code whole where they fit.

    A heading, and what is too short to say anything, stands with what follows.
    """
    start, end, is_open = 0, 0, False
    for block in blocks:
        pieces = packable([block], tokens, capacity).pieces
        is_whole = block.kind in {Kind.TABLE, Kind.FENCED}
        for place, piece in enumerate(pieces):
            goes_on = is_open or (is_whole and place > 0)
            if not goes_on or tokens.count(start, piece.end) > capacity:
                if end:
                    yield start, end
                start = piece.start
            end = piece.end
            is_short = tokens.count(start, end) < MIN_SENTENCE_TOKENS and place + 1 < len(pieces)
            is_open = is_short or block.kind is Kind.HEADING
    yield start, end


def _counted(
    ranges: Ranges, tokens: TokenOffsets, tokenizer: Tokenizer, capacity: int
) -> Iterator[tuple[int, int, int]]:
    """Yield the ranges with their tokens, those that turn out too large in halves."""
    waiting = list(ranges)[::-1]
    while waiting:
        start, end = waiting.pop()
        if not (tokens.cuts_a_word(start) or tokens.cuts_a_word(end)):
            n_tokens = int(tokens.starts.searchsorted(end) - tokens.starts.searchsorted(start))
        else:
            # Half a word can have more tokens than its part of the whole word had.
            n_tokens = count_tokens(tokens.text[start:end], tokenizer)
        middle = character_boundary(tokens.text, start, (start + end) // 2)
        if n_tokens > capacity and start < middle < end:
            waiting += [(middle, end), (start, middle)]
        else:
            yield start, end, n_tokens
