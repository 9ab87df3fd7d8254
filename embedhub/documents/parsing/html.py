"""Web pages: .html and .htm, what a reader would see of them."""

import re
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from embedhub.documents.parsing.parsed import ParsedDocument, shorten_title
from embedhub.documents.parsing.plain import stem

UNSEEN = ("script", "style", "noscript", "template", "svg", "nav", "iframe", "object")
BLOCKS = (
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption"),
    *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li"),
    *("main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
)
PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "pre"})


def parse_html(name: str, source: str) -> ParsedDocument:
    """Return the document of a web page: its title, visible text, canonical address, language."""
    page = BeautifulSoup(source, "html.parser")
    title, url, metadata = _title(page), _canonical_url(page), _metadata(page)
    for hidden in page.find_all(UNSEEN):
        hidden.decompose()
    if page.head is not None:
        page.head.decompose()
    body = page.find("main") or page.body or page
    return ParsedDocument(
        name, shorten_title(title or stem(name)), _visible_text(body), url, metadata
    )


def _visible_text(body: Tag) -> str:
    """Return the text with a line a block, so that words of neighbours do not run together."""
    for block in body.find_all(BLOCKS):
        end = "\n\n" if block.name in PARAGRAPHS else "\n"
        block.insert_before(end)
        block.insert_after(end)
    lines = (" ".join(line.split()) for line in body.get_text().split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _title(page: BeautifulSoup) -> str:
    for name in ("title", "h1"):
        found = page.find(name)
        if found is not None and (text := found.get_text(" ", strip=True)):
            return text
    return ""


def _canonical_url(page: BeautifulSoup) -> str | None:
    link = page.find("link", rel="canonical", href=True)
    address = str(link["href"]).strip() if isinstance(link, Tag) else ""
    return address if urlsplit(address).scheme in {"http", "https"} else None


def _metadata(page: BeautifulSoup) -> dict[str, object]:
    root = page.find("html")
    language = str(root.get("lang") or "").strip() if isinstance(root, Tag) else ""
    return {"lang": language} if language else {}
