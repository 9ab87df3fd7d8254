"""PDF: one page after the other, so that memory follows the largest page and not the file."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.plain import LONGEST_FIRST_LINE, stem

# Told after each page: how many are read, and how many there are.
OnPage = Callable[[int, int], None]
MAX_BOOKMARKS, MAX_BOOKMARK_DEPTH, MAX_ATTACHMENTS = 5_000, 8, 100
MAX_ATTACHMENT_BYTES = 64 * 2**20
BETWEEN_PAGES = "\n\n"
# PDFium's sign of a hyphen at which a word was parted.
PARTED = re.compile("[\ufffe\x02]\r?\n?")
PAGE_NUMBER = re.compile(r"\W*(?:page\W*)?\d+(?:\W*(?:of|/)?\W*\d+)?\W*", re.IGNORECASE)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
MOMENT = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-]\d\d)'?(\d\d)?)?")


@dataclass(frozen=True, slots=True)
class ReadPdf:
    """The document of a PDF, and the files that lie in it."""

    document: ParsedDocument
    attachments: list[tuple[str, bytes]] = field(default_factory=list)


def parse_pdf(name: str, path: Path, limits: Limits, on_page: OnPage) -> ReadPdf:
    """Return the document of a PDF with its pages; raises Unreadable."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise _why_closed(error) from None
    with pdf:
        n_pages = len(pdf)
        if not n_pages:
            raise Unreadable("has no pages")
        if n_pages > limits.max_pages:
            told = f"{n_pages:,} pages; at most {limits.max_pages:,} are read"
            raise Unreadable(told, Reason.LIMIT)
        attachments = list(_attachments(pdf))
        bookmarks = _bookmarks(pdf)
        text, starts, has_pictures = _pages(pdf, bookmarks, limits, on_page)
        if not text.strip() and not attachments:
            raise _why_no_text(has_pictures, n_pages)
        said = pdf.get_metadata_dict(skip_empty=True)
    title = storable(str(said.get("Title", ""))).strip() or _first_line(text) or stem(name)
    document = ParsedDocument(
        name,
        shorten_title(title),
        text,
        metadata=_metadata(said),
        format="markdown" if bookmarks else "plain",
        page_starts=starts,
    )
    return ReadPdf(document, attachments)


def _why_closed(error: Any) -> Unreadable:
    from pypdfium2 import raw

    if getattr(error, "err_code", None) in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
        return Unreadable("a password is needed to open it", Reason.PASSWORD)
    return Unreadable("is not a whole PDF: it is damaged or cut off")


def _why_no_text(has_pictures: bool, n_pages: int) -> Unreadable:
    if has_pictures:
        pages = "its page is a picture" if n_pages == 1 else f"its {n_pages:,} pages are pictures"
        told = f"{pages} without a text layer: have its text recognised (OCR) first"
        return Unreadable(told, Reason.NO_TEXT_LAYER)
    return Unreadable("holds no text", Reason.EMPTY)


def _pages(
    pdf: Any, bookmarks: dict[int, list[tuple[int, str]]], limits: Limits, on_page: OnPage
) -> tuple[str, list[int], bool]:
    """Return the text of all pages, where each begins, and whether pages hold anything unread."""
    import pypdfium2

    n_pages, n_chars, n_broken, has_pictures = len(pdf), 0, 0, False
    texts: list[str] = []
    starts: list[int] = []
    for place in range(n_pages):
        starts.append(n_chars)
        text = ""
        try:
            text, is_drawn = _page_text(pdf, place)
            has_pictures |= is_drawn and not text
        except pypdfium2.PdfiumError:
            # One page that cannot be read costs only itself.
            n_broken += 1
        text = with_headings(text, bookmarks.get(place, [])) + BETWEEN_PAGES
        n_chars += len(text)
        if n_chars > limits.max_text_chars:
            told = f"more than {limits.max_text_chars:,} characters by page {place + 1:,}"
            raise Unreadable(told, Reason.TOO_LARGE)
        texts.append(text)
        on_page(place + 1, n_pages)
    if n_broken == n_pages:
        raise Unreadable("none of its pages can be read: it is damaged")
    return "".join(texts).rstrip(), _within("".join(texts).rstrip(), starts), has_pictures


def _within(text: str, starts: list[int]) -> list[int]:
    """Return the starts of pages; of blank ones at the end, the end of the text."""
    return [min(start, len(text)) for start in starts]


def _page_text(pdf: Any, place: int) -> tuple[str, bool]:
    page = pdf[place]
    try:
        read = page.get_textpage()
        try:
            text = cleaned(read.get_text_bounded())
        finally:
            read.close()
        return text, bool(text) or next(iter(page.get_objects(max_depth=1)), None) is not None
    finally:
        page.close()


def cleaned(text: str) -> str:
    """Return the text of a page with whole words and plain line ends."""
    text = PARTED.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = CONTROL.sub("", text)
    return storable("\n".join(line.rstrip() for line in text.split("\n"))).strip()


def with_headings(text: str, bookmarks: list[tuple[int, str]]) -> str:
    """Return a page's text in which the lines that bookmarks (level, words) name are headings.

    A bookmark whose words are not on the page becomes a heading at its beginning.
    """
    if not bookmarks:
        return text
    lines = text.split("\n")
    plain = [_folded(line) for line in lines]
    above, at = [], 0
    for level, words in bookmarks:
        sign, folded = "#" * min(level + 1, 6), _folded(words)
        found = next((i for i in range(at, len(lines)) if plain[i] == folded), None)
        if found is None:
            above.append(f"{sign} {words}")
        else:
            lines[found], at = f"{sign} {lines[found].strip()}", found + 1
    return "\n\n".join([*above, "\n".join(lines)]) if above else "\n".join(lines)


def _folded(line: str) -> str:
    return "".join(line.split()).casefold()


def _bookmarks(pdf: Any) -> dict[int, list[tuple[int, str]]]:
    """Return what the outline names on each page, in order; a broken outline names nothing."""
    found: dict[int, list[tuple[int, str]]] = {}
    try:
        for bookmark in islice(pdf.get_toc(max_depth=MAX_BOOKMARK_DEPTH), MAX_BOOKMARKS):
            words = " ".join(storable(bookmark.get_title()).split())
            target = bookmark.get_dest()
            place = None if target is None else target.get_index()
            if words and place is not None:
                found.setdefault(place, []).append((bookmark.level, words[:LONGEST_FIRST_LINE]))
    except (ValueError, RuntimeError):
        return found
    return found


def _attachments(pdf: Any) -> Iterator[tuple[str, bytes]]:
    import pypdfium2

    for place in range(min(pdf.count_attachments(), MAX_ATTACHMENTS)):
        try:
            attachment = pdf.get_attachment(place)
            content = bytes(attachment.get_data() or b"")
        except pypdfium2.PdfiumError:
            continue
        if 0 < len(content) <= MAX_ATTACHMENT_BYTES:
            yield storable(attachment.get_name()) or f"attachment {place + 1}", content


def _metadata(said: dict[str, str]) -> dict[str, object]:
    metadata: dict[str, object] = {}
    if author := " ".join(storable(said.get("Author", "")).split())[:500]:
        metadata["author"] = author
    for key, name in (("created", "CreationDate"), ("modified", "ModDate")):
        if moment := moment_of(said.get(name, "")):
            metadata[key] = moment
    return metadata


def moment_of(value: str) -> str | None:
    """Return a PDF's time as ISO 8601, None for one that is none."""
    match = MOMENT.match(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone, minutes = match.groups()
    ends = f"{zone}:{minutes or '00'}" if zone else "+00:00"
    clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}"
    moment = f"{year}-{month or '01'}-{day or '01'}T{clock}{ends}"
    try:
        return datetime.fromisoformat(moment).isoformat()
    except ValueError:
        return None


def _first_line(text: str) -> str:
    lines = (line.lstrip("# ").strip() for line in text.split("\n"))
    line = next((line for line in lines if line and not PAGE_NUMBER.fullmatch(line)), "")
    return line if len(line) <= LONGEST_FIRST_LINE else ""
