"""E-books: .epub, the chapters in reading order."""

import posixpath
from pathlib import Path
from urllib.parse import unquote

from embedhub.documents.parsing.encoding import decode
from embedhub.documents.parsing.html import markdown_of
from embedhub.documents.parsing.packages import Package, dublin_core, local_name, parse_xml
from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.pdf import OnPage
from embedhub.documents.parsing.plain import stem
from embedhub.documents.parsing.word import first_heading

CONTAINER = "META-INF/container.xml"
RIGHTS = "META-INF/rights.xml"
CHAPTERS = ("application/xhtml+xml", "text/html")


def parse_epub(name: str, path: Path, limits: Limits, on_page: OnPage) -> ParsedDocument:
    """Return the document of an .epub file; raises Unreadable."""
    with Package(path, limits) as package:
        if RIGHTS in package.names:
            raise Unreadable("is locked to a reader (DRM)", Reason.PASSWORD)
        place = _book(package)
        book = parse_xml(package.read(place))
        chapters = _spine(book, posixpath.dirname(place))
        texts = []
        for number, chapter in enumerate(chapters, 1):
            texts.append(markdown_of(decode(package.read(chapter))))
            on_page(number, len(chapters))
    text = storable("\n\n".join(filter(None, texts)))
    if not text.strip():
        raise Unreadable("holds no text", Reason.EMPTY)
    said = dublin_core(book)
    dates = (e for e in book.iter() if local_name(e) == "date")
    if date := next((" ".join((e.text or "").split()) for e in dates), ""):
        said.setdefault("created", date)
    title = said.pop("title", "") or first_heading(text) or stem(name)
    return ParsedDocument(name, shorten_title(title), text, metadata=dict(said), format="markdown")


def _book(package: Package) -> str:
    container = package.read(CONTAINER)
    if not container:
        raise Unreadable("is damaged: its container is missing")
    files = (e for e in parse_xml(container).iter() if local_name(e) == "rootfile")
    place = next((str(e.get("full-path") or "") for e in files), "")
    if place not in package.names:
        raise Unreadable("is damaged: the list of its chapters is missing")
    return place


def _spine(book: object, folder: str) -> list[str]:
    """Return the chapters' parts in reading order, each once."""
    elements = list(book.iter())  # type: ignore[attr-defined]
    items = {
        e.get("id"): posixpath.normpath(posixpath.join(folder, unquote(e.get("href") or "")))
        for e in elements
        if local_name(e) == "item" and e.get("media-type") in CHAPTERS
    }
    order = [e.get("idref") for e in elements if local_name(e) == "itemref"]
    return list(dict.fromkeys(items[ident] for ident in order if ident in items))
