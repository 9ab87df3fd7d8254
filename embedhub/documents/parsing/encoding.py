"""Bytes → text: a byte order mark decides, then UTF-8, then what the bytes look like.

What a page or a mail says about its own encoding is only believed where the bytes agree.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from embedhub.documents.parsing.parsed import (
    MAX_FILE_BYTES,
    MAX_LINE_BYTES,
    Reason,
    Unreadable,
)

# UTF-32 begins with the mark of UTF-16, so it is asked for first.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Of these one is guessed; the rarer ones of their regions look too much alike.
GUESSED = [
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("iso8859_2", "iso8859_6", "iso8859_15", "cp866", "koi8_r", "shift_jis"),
    *("euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr"),
]
WESTERN = "cp1252"
GUESSED_FROM_BYTES = 1 << 16
# A text of another encoding has far more bytes that are not UTF-8.
UTF8_DAMAGE = 0.05
TAG = re.compile(rb"<[^<>]{1,2000}>")
NOT_TEXT = "holds NUL bytes: not a text file"


def read_bytes(path: Path, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the content of a file; raises Unreadable when it is too large."""
    size = path.stat().st_size
    if size > max_bytes:
        told = f"{size:,} bytes; at most {max_bytes:,} are read of such a file"
        raise Unreadable(told, Reason.TOO_LARGE)
    return path.read_bytes()


def read_text(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """Return the text of a file; raises Unreadable when it is too large or not text."""
    return decode(read_bytes(path, max_bytes))


def decode(content: bytes, declared: str | None = None) -> str:
    """Return the text that bytes stand for; raises Unreadable when they are not text.

    `declared` is the encoding that a page or a mail claims for itself.
    """
    encoding = marked_encoding(content)
    if encoding is not None:
        try:
            return _without_nul(content.decode(encoding))
        except UnicodeDecodeError as error:
            raise Unreadable(f"begins like {encoding} but is not: {error.reason}") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode(guess_encoding(content, declared), errors="replace")
    # Of UTF-16 without a mark even English is valid UTF-8, with a NUL for every other letter.
    if "\x00" in text and (wide := _wide_encoding(content)):
        text = content.decode(wide, errors="replace")
    return _without_nul(text)


def marked_encoding(content: bytes) -> str | None:
    """Return the encoding that a byte order mark announces, None without one."""
    return next((encoding for mark, encoding in MARKS if content.startswith(mark)), None)


def guess_encoding(content: bytes, declared: str | None = None) -> str:
    """Return the encoding that bytes without a mark most probably have, whatever they are."""
    if _is_damaged_utf8(content):
        return "utf-8"
    if wide := _wide_encoding(content):
        return wide
    sample = _telling(content)
    found = from_bytes(sample, cp_isolation=GUESSED, threshold=0.4)
    scores = {match.encoding: match.coherence - 2 * match.chaos for match in found}
    for match in found:
        scores |= dict.fromkeys(match.could_be_from_charset, scores[match.encoding])
    if WESTERN in scores:
        # Of two that look the same it is mostly this one.
        scores[WESTERN] += 0.01
    best = max(scores, key=scores.__getitem__, default=WESTERN)
    name = _known(declared)
    # What is said is right more often than a guess, unless the text then looks much worse.
    if name is not None and scores.get(name, -1.0) > scores.get(best, 0.0) - 0.3:
        return name
    return best


def text_lines(path: Path, max_bytes: int = MAX_LINE_BYTES) -> Iterator[str]:
    """Yield the lines of a file of any length, with their ends, in bounded memory.

    Raises Unreadable at the first line that is too long or not text.
    """
    with path.open("rb") as file:
        sample = file.read(GUESSED_FROM_BYTES)
    encoding = marked_encoding(sample) or _wide_encoding(sample)
    if encoding is not None and encoding != "utf-8-sig":
        yield from _wide_lines(path, encoding, max_bytes)
        return
    guessed: str | None = None
    with path.open("rb") as file:
        number = 0
        while line := file.readline(max_bytes + 1):
            number += 1
            if len(line) > max_bytes:
                told = f"line {number} is longer than {max_bytes:,} bytes"
                raise Unreadable(told, Reason.TOO_LARGE)
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                yield _without_nul(line.decode("utf-8"))
            except UnicodeDecodeError:
                guessed = guessed or guess_encoding(sample if not sample.isascii() else line)
                yield _without_nul(line.decode(guessed, errors="replace"))


def _wide_lines(path: Path, encoding: str, max_bytes: int) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            while line := file.readline(max_bytes + 1):
                if len(line) > max_bytes:
                    told = f"a line is longer than {max_bytes:,} characters"
                    raise Unreadable(told, Reason.TOO_LARGE)
                yield _without_nul(line)
        except UnicodeError as error:
            raise Unreadable(f"begins like {encoding} but is not") from error


def _is_damaged_utf8(content: bytes) -> bool:
    """Say whether bytes are UTF-8 in which a few are wrong."""
    sample = content[:GUESSED_FROM_BYTES]
    text = sample.decode("utf-8", errors="replace")
    n_wrong = text.count("\ufffd") - sample.count("\ufffd".encode())
    n_right = sum(map("\x7f".__lt__, text)) - n_wrong
    return n_right > n_wrong and n_wrong <= UTF8_DAMAGE * len(text)


def _wide_encoding(content: bytes) -> str | None:
    """Return utf-16-le or -be for text of two bytes a character without a mark, else None."""
    sample = content[: GUESSED_FROM_BYTES & ~1]
    if len(sample) < 4 or len(content) % 2:
        return None
    # Signs, spaces and line ends of any script have a high byte of zero, hardly ever a low one.
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    few, many = sorted((low, high))
    if many < 0.02 * len(sample) / 2 or few > many / 10:
        return None
    encoding = "utf-16-le" if high > low else "utf-16-be"
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return None
    n_letters = sum(character.isalnum() or character.isspace() for character in text)
    return encoding if n_letters > 0.6 * len(text) else None


def _telling(content: bytes) -> bytes:
    """Return the lines from which the encoding can be told: not ASCII, and without tags."""
    sample = TAG.sub(b" ", content[: 16 * GUESSED_FROM_BYTES])
    lines = (line for line in sample.splitlines(keepends=True) if not line.isascii())
    told = b"".join(lines)[:GUESSED_FROM_BYTES]
    return told or content[:GUESSED_FROM_BYTES]


def _known(declared: str | None) -> str | None:
    try:
        return codecs.lookup(declared.strip()).name.replace("-", "_") if declared else None
    except LookupError:
        return None


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise Unreadable(NOT_TEXT, Reason.UNSUPPORTED)
    return text
