"""Web pages, and what other converters turn into HTML: what a reader sees, as Markdown.

Nothing here recurses, so that a page of any depth is read.
"""

import re
import warnings
from itertools import count
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, CData, Tag, XMLParsedAsHTMLWarning
from bs4.element import NavigableString, PageElement

from embedhub.documents.parsing.encoding import decode
from embedhub.documents.parsing.parsed import ParsedDocument, shorten_title
from embedhub.documents.parsing.plain import stem

UNSEEN = ("script", "style", "noscript", "template", "svg", "nav", "iframe", "object")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption"),
        *("figure", "footer", "form", *HEADINGS, "header", "hr", "li"),
        *("main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
    )
)
PARAGRAPHS = frozenset({"p", *HEADINGS, "table", "ul", "ol", "pre"})
# Cells with these inside lay out a page; others are a table.
# A table with a smaller share of filled cells is written without the empty ones.
SPARSE = 0.4
LAYOUT = ("table", *HEADINGS, "ul", "ol", "form", "pre")
CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]{2,40})", re.IGNORECASE)
# Where a page's own charset is looked for; some put it after much else.
HEAD_BYTES = 1 << 16
# What is between them stands for a block that must stay as it is; taken out of what a page says.
OPEN, CLOSE = "\ue000", "\ue001"
KEPT = re.compile(f"{OPEN}([0-9]+){CLOSE}")
SIGNS = re.compile(f"[{OPEN}{CLOSE}]")
# Text, and neither comments nor declarations; `str` ends a block.
WRITTEN = frozenset({NavigableString, CData, str})
DOCUMENT_TYPE = re.compile(r"<!DOCTYPE[^\[>]{0,1000}(?:\[[^\]]{0,100000}\]\s*)?>", re.IGNORECASE)
DATES = ("article:published_time", "date", "dcterms.created", "dc.date", "datepublished")


def parse_html(name: str, content: bytes) -> ParsedDocument:
    """Return the document of a web page: its title, visible text, canonical address, language."""
    declared = CHARSET.search(content, 0, HEAD_BYTES)
    source = decode(content, declared[1].decode("ascii") if declared else None)
    page = _parsed(source)
    title, url, metadata = _title(page), _canonical_url(page), _metadata(page)
    return ParsedDocument(
        name,
        shorten_title(title or stem(name)),
        visible_text(page),
        url,
        metadata,
        format="markdown",
    )


def markdown_of(source: str) -> str:
    """Return the Markdown of a piece of HTML."""
    return visible_text(_parsed(source))


def visible_text(page: BeautifulSoup) -> str:
    """Return what a reader sees of a page as Markdown: headings, lists, tables, code.

    The page is used up.
    """
    frames = [str(frame["srcdoc"]) for frame in page.find_all("iframe", srcdoc=True)]
    for hidden in page.find_all(UNSEEN):
        hidden.decompose()
    if page.head is not None:
        page.head.decompose()
    text = _blocks_as_markdown(page.find("main") or page.body or page)
    return "\n\n".join(filter(None, [text, *map(_frame_text, frames)]))


def _frame_text(source: str) -> str:
    frame = _parsed(source)
    for hidden in frame.find_all(UNSEEN):
        hidden.decompose()
    return _blocks_as_markdown(frame)


def _blocks_as_markdown(body: Tag) -> str:
    kept: list[str] = []
    for written in body.find_all(string=SIGNS):
        written.replace_with(type(written)(SIGNS.sub("", written)))

    def filled(text: str) -> str:
        return KEPT.sub(lambda mark: kept[int(mark[1])], text)

    def keep(tag: Tag, markdown: str) -> None:
        kept.append(filled(markdown))
        tag.replace_with(f"\n\n{OPEN}{len(kept) - 1}{CLOSE}\n\n")

    # Before code: a table with code in it lays out a page.
    for table in body.find_all("table"):
        if table.find(LAYOUT) is None:
            keep(table, _table(table))
    for code in body.find_all("pre"):
        text = code.get_text().strip("\n")
        keep(code, f"```\n{text}\n```" if text.strip() else "")
    for heading in body.find_all(HEADINGS):
        words = " ".join(heading.get_text(" ").split())
        heading.string = f"{'#' * int(heading.name[1])} {words}" if words else ""
    for items in body.find_all("ol"):
        for number, item in zip(count(1), items.find_all("li", recursive=False), strict=False):
            item.insert(0, f"{number}. ")
    for item in body.find_all("li"):
        if item.parent is None or item.parent.name != "ol":
            item.insert(0, "- ")
    return filled(_lines(body)).strip()


def _lines(body: Tag) -> str:
    """Return the text with a line a block, so that words of neighbours do not run together."""
    pieces: list[str] = []
    # What is still to be written, the next one last: elements, and the ends of blocks begun.
    waiting: list[PageElement | str] = [body]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Tag):
            if found.name in BLOCKS:
                end = "\n\n" if found.name in PARAGRAPHS else "\n"
                pieces.append(end)
                waiting.append(end)
            waiting += reversed(found.contents)
        elif type(found) in WRITTEN:
            pieces.append(str(found))
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    text = re.sub(r"(?m)^(-|[0-9]+\.)\n+(?=\S)", r"\1 ", "\n".join(lines))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _parsed(source: str) -> BeautifulSoup:
    with warnings.catch_warnings():
        # XHTML is read as what it is shown as.
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        return BeautifulSoup(DOCUMENT_TYPE.sub("", source, count=1), "html.parser")


def _table(table: Tag) -> str:
    rows = []
    for row in table.find_all("tr"):
        cells = [" ".join(cell.get_text(" ").split()) for cell in row.find_all(("td", "th"))]
        if any(cells):
            rows.append(cells)
    return table_markdown(rows)


def table_markdown(rows: list[list[str]]) -> str:
    """Return the rows of a table as Markdown's, the first one its head; one cell a row is text."""
    if not rows:
        return ""
    width = max(map(len, rows))
    if width == 1:
        return "\n\n".join(row[0] for row in rows if row[0])
    if sum(bool(cell) for row in rows for cell in row) < SPARSE * width * len(rows):
        # Signs for empty cells would be most of the text.
        return "\n\n".join(" | ".join(filter(None, row)) for row in rows)
    lines = [_row([*row, *[""] * (width - len(row))]) for row in rows]
    return "\n".join([lines[0], _row(["---"] * width), *lines[1:]])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _title(page: BeautifulSoup) -> str:
    for name in ("title", "h1"):
        found = page.find(name)
        if found is not None and (text := found.get_text(" ", strip=True)):
            return text
    return ""


def _canonical_url(page: BeautifulSoup) -> str | None:
    link = page.find("link", rel="canonical", href=True)
    address = str(link["href"]).strip() if isinstance(link, Tag) else ""
    try:
        return address if urlsplit(address).scheme in {"http", "https"} else None
    except ValueError:
        return None


def _metadata(page: BeautifulSoup) -> dict[str, object]:
    metadata: dict[str, object] = {}
    root = page.find("html")
    if isinstance(root, Tag) and (language := str(root.get("lang") or "").strip()):
        metadata["lang"] = language
    said: dict[str, str] = {}
    for meta in page.find_all("meta", content=True):
        name = str(meta.get("name") or meta.get("property") or "").lower()
        said.setdefault(name, " ".join(str(meta["content"]).split())[:500])
    for key, names in (("author", ("author",)), ("created", DATES)):
        if found := next((said[name] for name in names if said.get(name)), ""):
            metadata[key] = found
    return metadata
