"""Where a Markdown text's headings stand."""

import re
from bisect import bisect_right
from dataclasses import dataclass

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading line: its offsets, and the path of titles down to it, such as `Guide > Install`."""

    start: int
    end: int
    path: str


def find_headings(text: str) -> list[Heading]:
    """Return the headings of a Markdown text in order; lines inside fenced code are none."""
    headings: list[Heading] = []
    titles: list[tuple[int, str]] = []
    fence = ""
    offset, above = 0, (0, "")
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        opened = FENCE.match(bare)
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
        elif not fence:
            found = _heading(bare, above[1])
            if found:
                level, title, is_underline = found
                titles = [entry for entry in titles if entry[0] < level] + [(level, title)]
                path = " > ".join(name for _, name in titles)
                start = above[0] if is_underline else offset
                headings.append(Heading(start, offset + len(line), path))
                bare = ""
        above = (offset, "" if fence else bare)
        offset += len(line)
    return headings


def heading_path_at(headings: list[Heading], text: str, offset: int) -> str:
    """Return the path of a passage that starts at the offset, its own first headings included."""
    index = bisect_right(headings, offset, key=lambda heading: heading.start)
    while index and index < len(headings):
        between = text[headings[index - 1].end : headings[index].start]
        if headings[index - 1].end < offset or between.strip():
            break
        index += 1
    return headings[index - 1].path if index else ""


def _heading(line: str, above: str) -> tuple[int, str, bool] | None:
    atx = ATX.match(line)
    if atx:
        title = (atx[2] or "").strip()
        return (len(atx[1]), title, False) if title else None
    setext = SETEXT.match(line)
    if setext and above.strip():
        return (1 if setext[1][0] == "=" else 2), above.strip(), True
    return None
