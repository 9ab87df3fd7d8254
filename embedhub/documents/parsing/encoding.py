"""Bytes → text: a byte order mark decides, then UTF-8, then Windows-1252."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from embedhub.documents.parsing.parsed import MAX_FILE_BYTES, MAX_LINE_BYTES, Unreadable

# UTF-32 begins with the mark of UTF-16, so it is asked for first.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """Return the text of a file; raises Unreadable when it is too large or not text."""
    size = path.stat().st_size
    if size > max_bytes:
        raise Unreadable(f"{size:,} bytes; at most {max_bytes:,} are read")
    return decode(path.read_bytes())


def decode(content: bytes) -> str:
    """Return the text that bytes stand for; raises Unreadable when they are not text."""
    encoding = marked_encoding(content)
    if encoding is not None:
        try:
            return _without_nul(content.decode(encoding))
        except UnicodeDecodeError as error:
            raise Unreadable(f"begins like {encoding} but is not: {error.reason}") from error
    return _decode_unmarked(content)


def marked_encoding(content: bytes) -> str | None:
    """Return the encoding that a byte order mark announces, None without one."""
    return next((encoding for mark, encoding in MARKS if content.startswith(mark)), None)


def text_lines(path: Path, max_bytes: int = MAX_LINE_BYTES) -> Iterator[str]:
    """Yield the lines of a file of any length, with their ends, in bounded memory.

    Raises Unreadable at the first line that is too long or not text.
    """
    with path.open("rb") as file:
        encoding = marked_encoding(file.read(4))
    if encoding in {"utf-16", "utf-32"}:
        yield from _wide_lines(path, encoding, max_bytes)
        return
    with path.open("rb") as file:
        number = 0
        while line := file.readline(max_bytes + 1):
            number += 1
            if len(line) > max_bytes:
                raise Unreadable(f"line {number} is longer than {max_bytes:,} bytes")
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            yield _decode_unmarked(line)


def _wide_lines(path: Path, encoding: str, max_bytes: int) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            while line := file.readline(max_bytes + 1):
                if len(line) > max_bytes:
                    raise Unreadable(f"a line is longer than {max_bytes:,} characters")
                yield _without_nul(line)
        except UnicodeError as error:
            raise Unreadable(f"begins like {encoding} but is not") from error


def _decode_unmarked(content: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return _without_nul(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise Unreadable("neither UTF-8 nor Windows-1252 text")


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise Unreadable("holds NUL bytes: not a text file")
    return text
