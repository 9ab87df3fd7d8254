"""Where a text's headings stand, and the path of titles that leads to a place in it."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
# MediaWiki's == Title ==, also with the signs apart as in tokenised copies; in plain text, too.
WIKI = re.compile(r" {0,3}(=(?: ?=){0,5}) *([^\s=].*?) *\1 *$")
# Where something is defined in most languages of code; the indent is its level.
DEFINITION = re.compile(
    r"([ \t]*)(?:(?:export|default|public|private|protected|internal|static|async|abstract|final"
    r"|pub(?:\([a-z]+\))?|unsafe|override|open|sealed|data)[ \t]+)*"
    r"(?:def|class|func|fun|fn|function|interface|struct|enum|trait|impl|module|namespace)\*?[ \t]+"
    r"(?:\([^()]*\)[ \t]*)?([A-Za-z_$][\w$]*(?:(?:\.|::)[\w$]+)*)"
)
# A longer line is no heading, and the patterns above are quick on short ones only.
MAX_HEADING_CHARS = 500


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its offsets, its level from 1, and the path to it, such as `Guide > Install`."""

    start: int
    end: int
    level: int
    path: str


def find_headings(text: str, *, markdown: bool = True) -> list[Heading]:
    """Return the headings of a text in order; lines inside fenced code are none.

    Without Markdown only those that no ordinary line looks like: == Title ==.
    """
    outline = _Outline()
    fence = ""
    offset, above = 0, (0, "")
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        opened = FENCE.match(bare) if markdown else None
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
        elif not fence:
            found = _heading(bare, above[1], markdown)
            if found:
                level, title, is_underline = found
                start = above[0] if is_underline else offset
                outline.add(start, offset + len(line), level, title)
                bare = ""
        above = (offset, "" if fence else bare)
        offset += len(line)
    return outline.headings


def find_definitions(text: str) -> list[Heading]:
    """Return the lines of code that define something, nested by their indent."""
    outline = _Outline()
    offset = 0
    for line in text.splitlines(keepends=True):
        found = DEFINITION.match(line[:MAX_HEADING_CHARS])
        if found:
            level = 1 + len(found[1].expandtabs(4))
            outline.add(offset, offset + len(line), level, found[2])
        offset += len(line)
    return outline.headings


class HeadingPaths:
    """Which path of headings leads to each place of a text."""

    def __init__(self, headings: Sequence[Heading], text: str) -> None:
        self._headings = headings
        # Where several stand together, what begins with the first is under the last of them.
        self._leading = [heading.path for heading in headings]
        for place in range(len(headings) - 2, -1, -1):
            here, following = headings[place], headings[place + 1]
            if not text[here.end : following.start].strip():
                self._leading[place] = self._leading[place + 1]

    def at(self, offset: int) -> str:
        """Return the path of a passage that starts there, its own first headings included."""
        place = bisect_right(self._headings, offset, key=lambda heading: heading.start) - 1
        if place < 0:
            return ""
        heading = self._headings[place]
        return heading.path if heading.end < offset else self._leading[place]


class _Outline:
    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self._titles: list[tuple[int, str]] = []

    def add(self, start: int, end: int, level: int, title: str) -> None:
        self._titles = [one for one in self._titles if one[0] < level] + [(level, title)]
        path = " > ".join(name for _, name in self._titles)
        self.headings.append(Heading(start, end, len(self._titles), path))


def _heading(line: str, above: str, markdown: bool) -> tuple[int, str, bool] | None:
    if len(line) > MAX_HEADING_CHARS:
        return None
    atx = ATX.match(line) if markdown else None
    if atx:
        title = (atx[2] or "").strip()
        return (len(atx[1]), title, False) if title else None
    wiki = WIKI.match(line)
    if wiki:
        return wiki[1].count("="), wiki[2], False
    setext = SETEXT.match(line) if markdown else None
    if setext and 0 < len(above.strip()) <= MAX_HEADING_CHARS:
        return (1 if setext[1][0] == "=" else 2), above.strip(), True
    return None
