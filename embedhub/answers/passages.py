"""Passages that a search found, as an answer reads them: sentence by sentence; pure."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedhub.search.request import Span
from embedhub.search.snippets import sentences

# A sentence longer than this is mostly a list, a table or code: it is read line by line.
MAX_SENTENCE_WORDS = 45
# Of a passage longer than this, such as a document taken as one, only the best stretches count.
MAX_PASSAGE_CHARS = 3_000
STRETCH_CHARS = 1_500
# Passages of one version with this few characters of space between them follow each other.
MAX_GAP = 4
LINE_END = re.compile(r"\n+")

# Collection, external id and version: what tells stored versions apart.
Place = tuple[str, str, int]
# Offsets at which pages begin, None where that is not known.
PageStarts = Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one stored document version that the search found, best first by `rank`.

    `text` is the version's text from `start` to `end`. `cosine` is the dense leg's score, None if
    that leg did not rank it. `tail` is the little of the version's text that follows.
    """

    collection: str
    document_id: int
    external_id: str
    title: str
    url: str | None
    metadata: Mapping[str, Any]
    version: int
    start: int
    end: int
    text: str
    heading: str
    page_starts: PageStarts
    score: float
    cosine: float | None
    rank: int
    tail: str = ""

    @property
    def place(self) -> Place:
        """Return which stored version it is of."""
        return self.collection, self.external_id, self.version

    def part(self, span: Span) -> "Passage":
        """Return the passage cut to a range of its text."""
        return replace(
            self,
            start=self.start + span.start,
            end=self.start + span.end,
            text=self.text[span.start : span.end],
            tail=(self.text[span.end :] + self.tail)[:MAX_GAP],
        )


def units(text: str) -> Iterator[Span]:
    """Yield what a text says bit by bit: its sentences, long ones line by line and cut to size."""
    for sentence in sentences(text):
        if len(text[sentence.start : sentence.end].split()) <= MAX_SENTENCE_WORDS:
            yield sentence
        else:
            for line in _lines(text, sentence):
                yield from _cut(text, line)


def _lines(text: str, within: Span) -> Iterator[Span]:
    start = within.start
    ends = [found.span() for found in LINE_END.finditer(text, within.start, within.end)]
    for end, following in [*ends, (within.end, within.end)]:
        part = text[start:end]
        if part.strip():
            begin = start + len(part) - len(part.lstrip())
            yield Span(begin, begin + len(part.strip()))
        start = following


def _cut(text: str, line: Span) -> Iterator[Span]:
    words = list(re.finditer(r"\S+", text[line.start : line.end]))
    for first in range(0, len(words), MAX_SENTENCE_WORDS):
        group = words[first : first + MAX_SENTENCE_WORDS]
        yield Span(line.start + group[0].start(), line.start + group[-1].end())


def stretches(text: str) -> list[Span]:
    """Return the parts of a long passage, each about `STRETCH_CHARS` and of whole units."""
    found: list[Span] = []
    start = end = 0
    for unit in units(text):
        if end > start and unit.end - start > STRETCH_CHARS:
            found.append(Span(start, end))
            start = unit.start
        elif end == start:
            start = unit.start
        end = unit.end
    return [*found, Span(start, end)] if end > start else found


def page_of(page_starts: PageStarts, offset: int) -> int | None:
    """Return the page, from 1, that holds a character; None where pages are not known."""
    if not page_starts:
        return None
    return max(1, bisect_right(page_starts, offset))
