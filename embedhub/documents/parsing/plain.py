"""Plain text and its marked-up relatives: .txt, .md, .rst."""

import re

from embedhub.documents.parsing.parsed import ParsedDocument, shorten_title

FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
SCALAR_LINE = re.compile(r"^([A-Za-z][\w-]*):[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
ATX_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
UNDERLINED = re.compile(r"^(\S[^\n]*)\n([=\-~^\"'#*+])\2{2,}[ \t]*$", re.MULTILINE)
LONGEST_FIRST_LINE = 120


def parse_text(name: str, text: str) -> ParsedDocument:
    """Return the document of a .txt file: a short first line is its title, else its name."""
    first = text.lstrip().split("\n", 1)[0].strip()
    title = first if 0 < len(first) <= LONGEST_FIRST_LINE else stem(name)
    return ParsedDocument(name, shorten_title(title), text)


def parse_markdown(name: str, text: str) -> ParsedDocument:
    """Return the document of a .md file; simple fields of its front matter become metadata."""
    metadata: dict[str, object] = {}
    matter = FRONT_MATTER.match(text)
    if matter:
        metadata = {key: value.strip("\"'") for key, value in SCALAR_LINE.findall(matter[1])}
        text = text[matter.end() :]
    title = str(metadata.pop("title", "")) or _first(ATX_HEADING, text) or _first(UNDERLINED, text)
    return ParsedDocument(name, shorten_title(title or stem(name)), text, metadata=metadata)


def parse_restructured(name: str, text: str) -> ParsedDocument:
    """Return the document of a .rst file: its first underlined line is the title."""
    title = _first(UNDERLINED, text.replace("\r\n", "\n"))
    return ParsedDocument(name, shorten_title(title or stem(name)), text)


def stem(name: str) -> str:
    """Return the last part of a relative path without its ending."""
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1].strip() if found else ""
