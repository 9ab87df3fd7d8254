"""OpenDocument texts and presentations: .odt and .odp (.ods is read as a spreadsheet)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedhub.documents.parsing.html import table_markdown
from embedhub.documents.parsing.packages import Package, dublin_core, local_name, parse_xml
from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.plain import stem
from embedhub.documents.parsing.slides import joined_pages
from embedhub.documents.parsing.word import first_heading

UNSEEN = frozenset({"tracked-changes", "annotation-end", "forms", "sequence-decls", "settings"})
MANIFEST = "META-INF/manifest.xml"
MAX_REPEATED = 100


def parse_opendocument(name: str, path: Path, limits: Limits) -> ParsedDocument:
    """Return the document of an .odt or .odp file; slides are its pages. Raises Unreadable."""
    with Package(path, limits) as package:
        refuse_encrypted(package)
        package.refuse_entities()
        content, meta = package.read("content.xml"), package.read("meta.xml")
    if not content:
        raise Unreadable("is damaged: its content is missing")
    root = parse_xml(content)
    said = dublin_core(parse_xml(meta)) if meta.strip() else {}
    pages = [element for element in root.iter() if _is(element, "drawing", "page")]
    starts: list[int] | None = None
    if pages:
        starts, text = joined_pages(["\n\n".join(blocks(page)) for page in pages])
    else:
        body = next((e for e in root.iter() if _is(e, "office", "body")), root)
        text = "\n\n".join(blocks(body))
    text = text.strip() if starts is None else text
    if not text.strip():
        raise Unreadable("holds no text", Reason.EMPTY)
    title = said.pop("title", "") or first_heading(text) or stem(name)
    return ParsedDocument(
        name,
        shorten_title(title),
        text,
        metadata=dict(said),
        format="markdown",
        page_starts=starts,
    )


def refuse_encrypted(package: Package) -> None:
    """Return if the content of an OpenDocument file can be read without a password."""
    manifest = package.read(MANIFEST)
    if b"encryption-data" in manifest:
        raise Unreadable("a password is needed to open it", Reason.PASSWORD)


def blocks(parent: Any) -> Iterator[str]:
    """Yield the paragraphs, headings, list items and tables below an element, in order.

    Of any depth: what is still to be looked at waits in a list.
    """
    waiting: list[tuple[Any, int]] = [(child, 0) for child in reversed(parent)]
    while waiting:
        element, depth = waiting.pop()
        kind = local_name(element)
        if kind == "h":
            level = element.get(_attribute(element, "outline-level"), "1")
            words = " ".join(paragraph(element).split())
            if words:
                yield f"{'#' * min(int(level) if level.isdecimal() else 1, 6)} {words}"
        elif kind == "p":
            words = paragraph(element)
            if words.strip():
                yield f"{'  ' * (depth - 1)}- {words}" if depth else words
            # Text boxes hang from the paragraph that they stand beside.
            frames = [e for e in element.iterdescendants() if local_name(e) == "text-box"]
            waiting += [(child, depth) for frame in reversed(frames) for child in reversed(frame)]
        elif kind == "table":
            yield table_markdown(list(_rows(element)))
        elif kind not in UNSEEN:
            deeper = depth + (kind == "list")
            waiting += [(child, deeper) for child in reversed(element)]


def paragraph(element: Any) -> str:
    """Return the words of a paragraph with its tabs, line breaks, repeated spaces and notes."""
    pieces: list[str] = []
    waiting: list[Any] = [element]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            pieces.append(found)
            continue
        kind = local_name(found)
        if kind in {"tab", "line-break"}:
            pieces.append("\t" if kind == "tab" else "\n")
        elif kind == "s":
            n_spaces = found.get(_attribute(found, "c"), "1")
            pieces.append(" " * min(int(n_spaces) if n_spaces.isdecimal() else 1, MAX_REPEATED))
        elif kind and kind not in {*UNSEEN, "text-box", "annotation", "note-citation"}:
            opening = [" ("] if kind == "note-body" else []
            inner: list[Any] = [*opening, *filter(None, [found.text])]
            for child in found:
                inner += [child, *filter(None, [child.tail])]
            if opening:
                inner.append(")")
            waiting += reversed(inner)
    return storable("".join(pieces)).strip()


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iterdescendants():
        if local_name(row) != "table-row":
            continue
        cells = []
        for cell in row:
            if local_name(cell) == "table-cell":
                words = (
                    paragraph(p) for p in cell.iterdescendants() if local_name(p) in {"p", "h"}
                )
                cells.append(" ".join(" ".join(words).split()))
        if any(cells):
            yield cells


def _is(element: Any, space: str, name: str) -> bool:
    tag = element.tag
    return isinstance(tag, str) and tag.endswith(f":{space}:1.0}}{name}")


def _attribute(element: Any, name: str) -> str:
    return f"{element.tag.rpartition('}')[0]}}}{name}"
