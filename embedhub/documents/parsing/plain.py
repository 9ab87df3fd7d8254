"""Plain text and its marked-up relatives: .txt, .md, .rst, and source code."""

import re

from embedhub.documents.parsing.parsed import ParsedDocument, shorten_title

FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
SCALAR_LINE = re.compile(r"^([A-Za-z][\w-]*):[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
ATX_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
UNDERLINED = re.compile(r"^(\S[^\n]*)\n([=\-~^\"'#*+])\2{2,}[ \t]*$", re.MULTILINE)
# A heading of reStructuredText: its sign below, and above too or not.
SECTION = re.compile(
    r"^(?:(?P<over>([=\-~^\"'#*+`:._])\2{2,})[ \t]*\n)?"
    r"(?P<words>[ \t]{0,3}\S[^\n]*)\n(?P<under>([=\-~^\"'#*+`:._])\5{2,})[ \t]*$",
    re.MULTILINE,
)
LONGEST_FIRST_LINE = 120


def parse_text(name: str, text: str) -> ParsedDocument:
    """Return the document of a .txt file: a short first line is its title, else its name."""
    first = text.lstrip().split("\n", 1)[0].strip()
    title = first if 0 < len(first) <= LONGEST_FIRST_LINE else stem(name)
    return ParsedDocument(name, shorten_title(title), text, format="plain")


def parse_code(name: str, text: str) -> ParsedDocument:
    """Return the document of a source file: its name is its title."""
    return ParsedDocument(name, shorten_title(name.rsplit("/", 1)[-1]), text, format="code")


def parse_markdown(name: str, text: str) -> ParsedDocument:
    """Return the document of a .md file; simple fields of its front matter become metadata."""
    metadata: dict[str, object] = {}
    matter = FRONT_MATTER.match(text)
    if matter:
        metadata = {key: value.strip("\"'") for key, value in SCALAR_LINE.findall(matter[1])}
        text = text[matter.end() :]
    title = str(metadata.pop("title", "")) or _first(ATX_HEADING, text) or _first(UNDERLINED, text)
    return ParsedDocument(
        name, shorten_title(title or stem(name)), text, metadata=metadata, format="markdown"
    )


def parse_restructured(name: str, text: str) -> ParsedDocument:
    """Return the document of a .rst file with Markdown's headings; the first one is its title."""
    levels: dict[str, int] = {}
    title = ""

    def as_markdown(heading: re.Match[str]) -> str:
        nonlocal title
        words, under, over = heading["words"].strip(), heading["under"], heading["over"]
        if len(under) < len(words) or (over and over[0] != under[0]):
            return heading[0]
        title = title or words
        # A sign above and below is another level than the sign below alone.
        level = levels.setdefault(under[0] + ("+" if over else ""), len(levels) + 1)
        return f"{'#' * min(level, 6)} {words}"

    text = SECTION.sub(as_markdown, text.replace("\r\n", "\n"))
    return ParsedDocument(name, shorten_title(title or stem(name)), text, format="markdown")


def stem(name: str) -> str:
    """Return the last part of a relative path without its ending."""
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1].strip() if found else ""
