"""A text in the smallest pieces that passages are made of, and what each of them begins.

Sentences in prose, items of lists, rows of tables, lines of code. Pieces hold no white space at
their ends, and together everything else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from embedhub.documents.chunking.headings import (
    FENCE,
    Heading,
    find_definitions,
    find_headings,
)

# A sentence ends at a stop that no small letter follows, or at an ideographic one.
SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+(?=[^\sa-z])|[。！？｡]+[」』”）]*\s*")
LIST_ITEM = re.compile(r"\s{0,20}(?:[-*+•]|\d{1,9}[.)])[ \t]+\S")
TABLE_ROW = re.compile(r" {0,3}\|")


class Kind(IntEnum):
    """What a block is."""

    PROSE = 0  # also code that is a document of its own
    HEADING = 1
    LIST = 2
    TABLE = 3
    FENCED = 4  # code within a text


class Break(IntEnum):
    """What a piece begins."""

    BLOCK = 0
    LINE = 1
    ITEM = 2  # of a list, or a row of a table
    SENTENCE = 3
    WORD = 4  # in the middle of a sentence too long for one passage


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a block by its offsets; `depth` is a heading's level, otherwise the indent."""

    start: int
    end: int
    begins: Break
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Pieces that belong together: a paragraph, a list, a table, fenced code, or one heading."""

    kind: Kind
    pieces: list[Piece] = field(default_factory=list)


def find_blocks(text: str, written_in: str) -> tuple[list[Block], list[Heading]]:
    """Return a text's blocks and headings in order.

    It is written in plain, markdown or code, as its document says. Lists are recognised in plain
    text too, tables and fenced code in Markdown alone; of code, definitions are the headings.
    """
    is_markdown, is_code = written_in == "markdown", written_in == "code"
    headings = find_definitions(text) if is_code else find_headings(text, markdown=is_markdown)
    reader = _Reader(text, headings, is_markdown=is_markdown, is_code=is_code)
    return reader.read(), headings


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the offsets of the sentences of one line, white space between them left out."""
    first = start
    for stop in SENTENCE_END.finditer(text, start, end):
        yield first, stop.start() + len(stop[0].rstrip())
        first = stop.end()
    if first < end:
        yield first, end


class _Reader:
    """Reads lines into blocks; what a line is follows from itself and from what stands above."""

    def __init__(
        self, text: str, headings: list[Heading], *, is_markdown: bool, is_code: bool
    ) -> None:
        self.text = text
        self.headings = {heading.start: heading for heading in headings}
        self.is_markdown = is_markdown
        self.is_code = is_code
        self.blocks: list[Block] = []
        self.is_below_blank = True
        # what closes the fenced code that is open
        self.fence = ""

    def read(self) -> list[Block]:
        offset = end_of_heading = 0
        for line in self.text.splitlines(keepends=True):
            heading = self.headings.get(offset)
            if heading is not None:
                end_of_heading = heading.end
                first, last = _trimmed(self.text, heading.start, heading.end)
                piece = Piece(first, last, Break.BLOCK, heading.level)
                self.blocks.append(Block(Kind.HEADING, [piece]))
                self.is_below_blank = False
            elif offset >= end_of_heading:
                self._read_line(offset, line)
            offset += len(line)
        return self.blocks

    def _read_line(self, offset: int, line: str) -> None:
        start, end = _trimmed(self.text, offset, offset + len(line))
        if start == end:
            self.is_below_blank = True
            return
        if self.is_markdown and self._read_fenced(line, start, end):
            return
        kind = self._kind_of(line)
        goes_on = bool(self.blocks) and self.blocks[-1].kind is kind
        # A blank line ends a paragraph and a table, but not a list.
        if not goes_on or (self.is_below_blank and kind is not Kind.LIST):
            self.blocks.append(Block(kind))
            begins = Break.BLOCK
        else:
            begins = Break.ITEM if _is_item(kind, line) else Break.LINE
        depth = (len(line) - len(line.lstrip())) // 2
        pieces = self.blocks[-1].pieces
        if kind is Kind.TABLE or self.is_code:
            pieces.append(Piece(start, end, begins, depth))
        else:
            for first, last in sentences(self.text, start, end):
                pieces.append(Piece(first, last, begins, depth))
                begins = Break.SENTENCE
        self.is_below_blank = False

    def _read_fenced(self, line: str, start: int, end: int) -> bool:
        """Read a line of fenced code; say whether it is one."""
        found = FENCE.match(line)
        if not self.fence and not found:
            return False
        if not self.fence:
            self.blocks.append(Block(Kind.FENCED))
        begins = Break.LINE if self.fence else Break.BLOCK
        self.blocks[-1].pieces.append(Piece(start, end, begins))
        if found and (not self.fence or found[1].startswith(self.fence)):
            self.fence = "" if self.fence else found[1]
        self.is_below_blank = True
        return True

    def _kind_of(self, line: str) -> Kind:
        if self.is_code:
            return Kind.PROSE
        if self.is_markdown and TABLE_ROW.match(line):
            return Kind.TABLE
        if LIST_ITEM.match(line):
            return Kind.LIST
        is_in_list = bool(self.blocks) and self.blocks[-1].kind is Kind.LIST
        # What stands right below an item goes on with it, and so does what is indented.
        if is_in_list and (not self.is_below_blank or line[:1] in " \t"):
            return Kind.LIST
        return Kind.PROSE


def _is_item(kind: Kind, line: str) -> bool:
    return kind is Kind.TABLE or (kind is Kind.LIST and LIST_ITEM.match(line) is not None)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    stripped = part.lstrip()
    first = start + len(part) - len(stripped)
    return first, first + len(stripped.rstrip())
